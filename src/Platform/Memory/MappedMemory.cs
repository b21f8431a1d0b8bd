namespace Makatea.Platform;

/// <summary>
/// Memory that is mapped into this component until disposed: a shared region that a peer granted, or one of our own.
/// </summary>
public abstract class MappedMemory : IDisposable
{
    /// <summary>Host virtual address of the first byte.</summary>
    public abstract nint Address { get; }

    /// <summary>Length in bytes.</summary>
    public abstract ulong Length { get; }

    /// <summary>
    /// The peer took the memory away (truncated the file behind it). The mapping reads as zeroes from then on and whoever
    /// serves the peer ends its connection.
    /// </summary>
    public abstract bool IsLost { get; }

    /// <summary>Makes a grant of the object behind the memory, to hand it on to who maps it for devices.</summary>
    /// <param name="offset">Where in the object the memory starts, in bytes.</param>
    /// <returns>The grant; null where the memory is no object that can be granted, or the grant that it was mapped from was disposed.</returns>
    public virtual Grant? Share(out ulong offset)
    {
        offset = 0;
        return null;
    }

    /// <summary>A bounded view of part of the mapping.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the mapping.</exception>
    public MemorySegment Slice(ulong offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (offset > Length || (ulong)length > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at {offset} of a mapping of {Length}");
        }

        return MemorySegment.UnsafeCreate(Address + (nint)offset, length);
    }

    /// <summary>Unmaps the memory. No view of it may be used afterwards.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Unmaps the memory.</summary>
    protected abstract void Dispose(bool disposing);
}
