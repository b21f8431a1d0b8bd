using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>A block device that is a view of one other device, which it takes over. Its <see cref="BlockDevice.Info"/> changes when that one's does.</summary>
public abstract class BlockLayer : BlockDevice
{
    /// <summary>Takes over <paramref name="below"/>.</summary>
    protected BlockLayer(BlockDevice below)
    {
        ArgumentNullException.ThrowIfNull(below);
        Below = below;
        below.InfoChanged += OnInfoChanged;
    }

    /// <summary>The device that this one is a view of.</summary>
    protected BlockDevice Below { get; }

    /// <inheritdoc/>
    public override void AddMemory(MappedMemory memory) => Below.AddMemory(memory);

    /// <inheritdoc/>
    public override void RemoveMemory(MappedMemory memory) => Below.RemoveMemory(memory);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Below.InfoChanged -= OnInfoChanged;
            Below.Dispose();
        }
    }
}
