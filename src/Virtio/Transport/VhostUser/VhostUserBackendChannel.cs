using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// Our own requests to the front end (vhost-user, "Back-end communication"). They are sent from the thread pool, one at a time and without
/// waiting for a reply, so that neither a device nor a queue ever waits for a front end that does not read.
/// </summary>
internal sealed class VhostUserBackendChannel(MessageChannel channel, Action<Exception> onFailure) : IDisposable
{
    private readonly Lock _sending = new();
    private int _pending;
    private bool _disposed;

    /// <summary>Tells the front end that configuration space or the status changed. Calls coalesce. From any thread.</summary>
    public void NotifyConfigChanged()
    {
        if (Interlocked.Exchange(ref _pending, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.Send(), this, preferLocal: false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A sender that waits for the peer gives up on this, so that the lock comes free.
        channel.Close();
        lock (_sending)
        {
            _disposed = true;
            channel.Dispose();
        }
    }

    private void Send()
    {
        lock (_sending)
        {
            Interlocked.Exchange(ref _pending, 0);
            if (_disposed)
            {
                return;
            }

            VhostUserHeader header = new((uint)VhostUserBackendRequest.ConfigChange, VhostUserHeader.Version, 0);
            try
            {
                channel.Send(MemoryMarshal.AsBytes(new ReadOnlySpan<VhostUserHeader>(in header)), []);
            }
            catch (IOException e)
            {
                onFailure(e);
            }
        }
    }
}
