using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// The worker of a ring for frames. It has no thread: between <see cref="Start"/> and <see cref="Stop"/> the ring is in the hands of the thread that forwards for the port. While the
/// port's queue is open, that thread has to look at it for these to return.
/// </summary>
internal sealed class NetRingWorker : QueueWorker
{
    private readonly VirtioNetPort _port;
    private readonly GuestRing _ring;
    private bool _isAttached;
    private bool _disposed;

    public NetRingWorker(VirtioNetPort port, GuestRing ring)
    {
        _port = port;
        _ring = ring;
        _ring.Broke = OnBroken;
    }

    /// <inheritdoc/>
    public override RingFault Fault => _ring.Fault;

    /// <inheritdoc/>
    public override Doorbell? Call
    {
        get => _ring.Call;
        set => _port.Run(() =>
        {
            _ring.Call = value;

            // Whoever waits on the new one may have missed what the old one said.
            value?.Ring();
        });
    }

    /// <inheritdoc/>
    public override void Start()
    {
        _isAttached = true;
        _port.Attach(_ring);
    }

    /// <inheritdoc/>
    public override RingPosition Stop()
    {
        if (_isAttached)
        {
            _isAttached = false;
            _port.Detach(_ring);
        }

        return _ring.Position;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            Stop();
            _ring.Dispose();
        }
    }
}
