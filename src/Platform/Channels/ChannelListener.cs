namespace Makatea.Platform;

/// <summary>Accepts channels from peers that connect, such as a listening UNIX socket.</summary>
public abstract class ChannelListener : IDisposable
{
    /// <summary>Waits for the next peer.</summary>
    /// <returns>Its channel, or null after <see cref="Close"/>.</returns>
    public abstract MessageChannel? Accept();

    /// <summary>Stops listening; a thread in <see cref="Accept"/> returns null. Callable from any thread, more than once.</summary>
    public abstract void Close();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the listener and gives it up.</summary>
    protected abstract void Dispose(bool disposing);
}
