namespace Makatea.Platform;

/// <summary>
/// A right that one component handed to another: a capability on seL4, a file descriptor on Linux. What it is good for shows when it
/// is used: each use checks that the right is of that kind and throws <see cref="GrantException"/> where it is not.
/// A grant does not end with what was made from it; dispose it when nothing more will be made.
/// </summary>
public abstract class Grant : IDisposable
{
    /// <summary>Maps memory shared with the giver.</summary>
    /// <param name="offset">Where in the shared object the mapping starts, in bytes; any value, not only page-aligned ones.</param>
    /// <param name="length">Length in bytes, not 0.</param>
    /// <param name="access">What is wanted.</param>
    /// <exception cref="GrantException">It is not memory, is too short, may change under us and cannot be guarded, or does not grant that access.</exception>
    public abstract MappedMemory Map(ulong offset, ulong length, MemoryAccess access);

    /// <summary>Uses the grant as a doorbell, to ring or to wait for. The grant is used up.</summary>
    /// <exception cref="GrantException">It is not a doorbell.</exception>
    public abstract Doorbell OpenDoorbell();

    /// <summary>Uses the grant as a channel. The grant is used up.</summary>
    /// <exception cref="GrantException">It is not a channel.</exception>
    public abstract MessageChannel OpenChannel();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the right up.</summary>
    protected abstract void Dispose(bool disposing);
}
