using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Completes every request at once and stores nothing, to measure what is above it (as QEMU's null-co). Reads leave the buffers as they are, so no guest
/// sees another's data, unless <c>readsZeroes</c> clears them.
/// </summary>
public sealed class NullDevice : BlockDevice
{
    private readonly bool _readsZeroes;

    /// <summary>Makes one of <paramref name="sectorCount"/> sectors of 512 bytes.</summary>
    /// <param name="sectorCount">Capacity in sectors of 512 bytes.</param>
    /// <param name="readsZeroes">Reads fill the buffers with zeroes.</param>
    public NullDevice(ulong sectorCount, bool readsZeroes = false)
    {
        _readsZeroes = readsZeroes;
        Info = new BlockDeviceInfo
        {
            SectorCount = sectorCount,
            HasVolatileCache = false,
            DiscardGranularity = SectorSize,
            SupportsWriteZeroes = true,
            SupportsSecureErase = true,
        };
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info { get; }

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new NullQueue(new BlockBounds(Info), _readsZeroes, depth);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
