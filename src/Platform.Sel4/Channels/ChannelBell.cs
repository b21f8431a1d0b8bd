namespace Makatea.Platform.Sel4;

/// <summary>Waits for the other end of a channel, and can be woken from this one.</summary>
internal sealed class ChannelBell : IDisposable
{
    private const int PeerBit = 0;
    private const int OwnBit = 1;

    private readonly ChannelPeer _peer;
    private readonly NotificationWaiter _waiter;
    private readonly Sel4Doorbell _theirs;
    private readonly Sel4Doorbell _own;

    /// <exception cref="IOException">There is no waiter left.</exception>
    internal ChannelBell(ChannelPeer peer)
    {
        _peer = peer;
        _waiter = peer.Waiters.Take();
        _own = new Sel4Doorbell(peer.Gate);
        _theirs = Sel4Doorbell.Heard(peer.Gate, peer.Bell.Kind, peer.Bell.Number);
        try
        {
            _waiter.Add(_own, OwnBit);
            _waiter.Add(_theirs, PeerBit);
        }
        catch
        {
            _waiter.Dispose();
            throw;
        }
    }

    /// <summary>Wakes the other end.</summary>
    internal void RingPeer() => _peer.Gate.Signal(_peer.PeersBell.Slot);

    /// <summary>Wakes whoever waits here.</summary>
    internal void Wake() => _own.Ring();

    /// <summary>Waits until the other end rang, somebody called <see cref="Wake"/>, or a deadline passed; perhaps for nothing.</summary>
    internal void Wait(long deadline) => _waiter.Wait(deadline);

    /// <inheritdoc/>
    public void Dispose() => _waiter.Dispose();
}
