using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Another device that nothing can be written to. Whatever would change it ends with <see cref="BlockStatus.IoError"/>, as virtio-blk has it for a
/// write to a read-only device ([VIRTIO-1.3] 5.2.6.2), and does not reach the device below.
/// </summary>
public sealed class ReadOnlyDevice : BlockLayer
{
    /// <summary>Takes over <paramref name="below"/>.</summary>
    public ReadOnlyDevice(BlockDevice below)
        : base(below)
    {
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info => Below.Info with
    {
        IsReadOnly = true,
        HasVolatileCache = false,
        DiscardGranularity = 0,
        SupportsWriteZeroes = false,
        SupportsSecureErase = false,
    };

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new ReadOnlyQueue(Below.OpenQueue(depth, completions), depth);
}
