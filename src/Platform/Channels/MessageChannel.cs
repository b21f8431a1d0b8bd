namespace Makatea.Platform;

/// <summary>
/// A two-way channel that carries bytes in order and grants with them: a UNIX stream socket on Linux, IPC on seL4.
/// One thread receives; any thread may send, whole messages at a time.
/// </summary>
public abstract class MessageChannel : IDisposable
{
    /// <summary>Grants that one message may carry (the most that vhost-user sends).</summary>
    public const int MaxGrants = 8;

    /// <summary>
    /// Waits for bytes and for the grants that came with the first of them.
    /// </summary>
    /// <param name="buffer">Receives at most this many bytes.</param>
    /// <param name="grants">Every grant that arrived is added; they are the caller's to dispose.</param>
    /// <returns>Number of bytes; 0 when the peer closed the channel.</returns>
    /// <exception cref="IOException">The channel failed, was closed by <see cref="Close"/>, or more than <see cref="MaxGrants"/> grants came at once (they are given up).</exception>
    public abstract int Receive(Span<byte> buffer, IList<Grant> grants);

    /// <summary>Sends all of <paramref name="message"/> and copies of <paramref name="grants"/> with its first byte.</summary>
    /// <exception cref="IOException">The peer is gone or does not read.</exception>
    public abstract void Send(ReadOnlySpan<byte> message, ReadOnlySpan<Grant> grants);

    /// <summary>Ends both directions; a thread in <see cref="Receive"/> returns. Callable from any thread, more than once.</summary>
    public abstract void Close();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the channel and gives it up.</summary>
    protected abstract void Dispose(bool disposing);
}
