namespace Makatea.Platform;

/// <summary>Memory that was mapped for devices and goes with its mapping.</summary>
internal sealed class OwnedDmaMemory(MappedMemory memory, DmaMapping mapping) : DmaMemory
{
    private bool _disposed;

    /// <inheritdoc/>
    public override nint Address => memory.Address;

    /// <inheritdoc/>
    public override ulong Length => memory.Length;

    /// <inheritdoc/>
    public override ulong Iova => mapping.Iova;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            mapping.Dispose();
            memory.Dispose();
        }
    }
}
