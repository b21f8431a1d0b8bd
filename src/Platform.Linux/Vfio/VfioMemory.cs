namespace Makatea.Platform.Linux;

/// <summary>Memory of a driver's own that is mapped into a space.</summary>
internal sealed class VfioMemory : DmaMemory
{
    private readonly MappedMemory _memory;
    private readonly DmaMapping _mapping;
    private bool _disposed;

    /// <summary>Takes over memory and maps it.</summary>
    internal VfioMemory(MappedMemory memory, Func<MappedMemory, DmaMapping> map)
    {
        _memory = memory;
        try
        {
            _mapping = map(memory);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override nint Address => _memory.Address;

    /// <inheritdoc/>
    public override ulong Length => _memory.Length;

    /// <inheritdoc/>
    public override ulong Iova => _mapping.Iova;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            _mapping.Dispose();
            _memory.Dispose();
        }
    }
}
