namespace Makatea.Virtio.Net;

/// <summary>The rings of a guest that run. They change on the forwarding thread between two batches, or while there is none.</summary>
internal sealed class GuestRings
{
    private GuestSendRing[] _senders = [];
    private GuestReceiveRing[] _receivers = [];
    private GuestReceiveRing?[] _byPair = [];

    /// <summary>Rings by which the guest sends.</summary>
    public ReadOnlySpan<GuestSendRing> Senders => _senders;

    /// <summary>Rings by which it receives, by their pairs.</summary>
    public ReadOnlySpan<GuestReceiveRing> Receivers => _receivers;

    /// <summary>The ring of a pair by which the guest receives; null where it does not run.</summary>
    public GuestReceiveRing? OfPair(int pair) => (uint)pair < (uint)_byPair.Length ? _byPair[pair] : null;

    /// <summary>A ring starts.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="flows">Where senders learn flows, while there are several pairs.</param>
    public void Add(GuestRing ring, FlowTable flows)
    {
        if (ring is GuestSendRing sender)
        {
            _senders = [.. _senders, sender];
        }
        else
        {
            _receivers = [.. _receivers, (GuestReceiveRing)ring];
        }

        Index(flows);
    }

    /// <summary>A ring stops.</summary>
    public void Remove(GuestRing ring, FlowTable flows)
    {
        _senders = [.. _senders.Where(r => r != ring)];
        _receivers = [.. _receivers.Where(r => r != ring)];
        Index(flows);
    }

    private void Index(FlowTable flows)
    {
        Array.Sort(_receivers, (a, b) => a.Pair.CompareTo(b.Pair));
        _byPair = new GuestReceiveRing?[_receivers.Length == 0 ? 0 : _receivers[^1].Pair + 1];
        foreach (GuestReceiveRing receiver in _receivers)
        {
            _byPair[receiver.Pair] = receiver;
        }

        foreach (GuestSendRing sender in _senders)
        {
            sender.Flows = _receivers.Length > 1 ? flows : null;
        }
    }
}
