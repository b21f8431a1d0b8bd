namespace Makatea.Platform;

/// <summary>Memory of a driver's own that its devices reach at consecutive addresses: rings, tables, bounce buffers.</summary>
public abstract class DmaMemory : MappedMemory
{
    /// <summary>The devices' address of the first byte, a multiple of the space's page size.</summary>
    public abstract ulong Iova { get; }

    /// <inheritdoc/>
    public override bool IsLost => false;

    /// <summary>Typed access to a part of it, which a device may write at the same time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside.</exception>
    public SharedMemory View(ulong offset, int length) => new(Slice(offset, length));
}
