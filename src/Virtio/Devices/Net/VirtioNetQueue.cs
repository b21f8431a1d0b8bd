using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// All rings of one guest, as one queue of its port: one thread forwards for it, however many pairs its driver uses, so nothing here is locked. What happens to the rings from outside is
/// posted and done between two batches.
/// </summary>
internal sealed class VirtioNetQueue : NetQueue
{
    private readonly VirtioNetPort _port;
    private readonly BufferStore _buffers;
    private readonly List<Change> _changes = [];
    private volatile bool _hasChanges;
    private DoorbellWaiter? _waiter;
    private Doorbell? _wake;
    private int _bit;
    private int _nextSend;
    private bool _owesDiscard;
    private bool _isArmed;

    public VirtioNetQueue(VirtioNetPort port, NetQueueOptions options)
    {
        _port = port;
        _buffers = new BufferStore(options.ReceiveDepth);
    }

    /// <inheritdoc/>
    public override Doorbell? Events => null;

    /// <inheritdoc/>
    public override bool CopiesFrames => true;

    /// <inheritdoc/>
    /// <remarks>Two batches. The same few buffers, which the thread takes from the top of its pool, stay in the processor's nearest cache.</remarks>
    public override int UsefulBuffers => 64;

    private GuestRings Rings => _port.Rings;

    /// <inheritdoc/>
    public override void Listen(DoorbellWaiter waiter, int bit, Doorbell wake)
    {
        _waiter = waiter;
        _bit = bit;
        _wake = wake;
        foreach (GuestSendRing ring in Rings.Senders)
        {
            StartListening(ring);
        }
    }

    /// <inheritdoc/>
    public override int Supply(ReadOnlySpan<NetBuffer> buffers) => _buffers.Add(buffers);

    /// <inheritdoc/>
    public override int Receive(Span<NetReceived> frames)
    {
        if (_hasChanges)
        {
            MakeChanges();
        }

        GuestRings rings = Rings;
        if (_isArmed)
        {
            Disarm(rings);
        }

        int count = 0;
        if (_owesDiscard || _port.Gratuitous != 0)
        {
            count = ReceiveOurs(frames);
        }

        NetGuestState state = _port.State;
        ReadOnlySpan<GuestSendRing> senders = rings.Senders;
        for (int i = 0; i < senders.Length && count < frames.Length; i++)
        {
            _nextSend = _nextSend < senders.Length ? _nextSend : 0;
            GuestSendRing ring = senders[_nextSend];
            count += ring.Receive(_buffers, frames[count..], state, _port.Mtu);
            if (ring.IsWithinFrame)
            {
                // Its rest comes before all else.
                break;
            }

            _nextSend++;
        }

        NotifyDue(rings);
        return count;
    }

    /// <inheritdoc/>
    public override int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        NetGuestState state = _port.State;
        ReadOnlySpan<GuestReceiveRing> receivers = Rings.Receivers;
        if (receivers.IsEmpty || !_port.IsUp)
        {
            _port.Counters.NoBuffer += frames.Length;
        }
        else if (receivers.Length == 1 && !state.ReportsHash)
        {
            receivers[0].Transmit(frames, state, 0, 0);
            receivers[0].Publish(state.ReceiveCoalescing, frames.Length);
        }
        else
        {
            Steer(frames, state, receivers);
        }

        return frames.Length;
    }

    /// <inheritdoc/>
    public override long Arm()
    {
        if (_hasChanges)
        {
            MakeChanges();
        }

        if ((_owesDiscard || _port.Gratuitous != 0) && _buffers.Count != 0)
        {
            return BlockQueue.Ready;
        }

        GuestRings rings = Rings;
        long deadline = DoorbellWaiter.Forever;
        _isArmed = true;
        foreach (GuestSendRing ring in rings.Senders)
        {
            // Without buffers nothing can be taken: whoever supplies them comes back.
            if (ring.Fault == RingFault.None && (ring.EnableKicks() || ring.IsWithinFrame) && _buffers.Count != 0)
            {
                return BlockQueue.Ready;
            }

            deadline = Math.Min(deadline, ring.Kick is null && ring.Fault == RingFault.None ? PollAgain() : ring.CallBy);
        }

        foreach (GuestReceiveRing ring in rings.Receivers)
        {
            deadline = Math.Min(deadline, ring.CallBy);
        }

        return deadline;
    }

    /// <summary>Has the thread do something between two batches. Under the port's lock.</summary>
    public void Post(Change change)
    {
        _changes.Add(change);
        _hasChanges = true;
        _wake?.Ring();
    }

    /// <summary>Wakes the thread. Under the port's lock.</summary>
    public void Wake() => _wake?.Ring();

    /// <summary>A ring came. On the thread, or while there is none.</summary>
    public void StartListening(GuestSendRing ring)
    {
        if (ring.Kick is { } kick)
        {
            _waiter?.Add(kick, _bit);
        }
    }

    /// <summary>A ring goes. On the thread, or while there is none.</summary>
    public void StopListening(GuestSendRing ring)
    {
        _owesDiscard |= ring.IsWithinFrame;
        if (ring.Kick is { } kick)
        {
            _waiter?.Remove(kick);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _port.Close(this);
        foreach (GuestSendRing ring in Rings.Senders)
        {
            StopListening(ring);
        }

        _buffers.Dispose();
    }

    /// <summary>Makes what was posted. Under the port's lock, as who posts waits outside of it.</summary>
    internal void MakeChanges()
    {
        lock (_port.Gate)
        {
            _hasChanges = false;
            foreach (Change change in _changes)
            {
                change.Make();
            }

            _changes.Clear();
        }
    }

    /// <summary>A queue whose driver does not kick is looked at often, at a pace that leaves the processor to others.</summary>
    private static long PollAgain() => TimeProvider.System.GetTimestamp() + (TimeProvider.System.TimestampFrequency / 20_000);

    private static void NotifyDue(GuestRings rings)
    {
        foreach (GuestSendRing ring in rings.Senders)
        {
            if (ring.CallBy != DoorbellWaiter.Forever)
            {
                ring.NotifyIfDue(TimeProvider.System.GetTimestamp());
            }
        }

        foreach (GuestReceiveRing ring in rings.Receivers)
        {
            if (ring.CallBy != DoorbellWaiter.Forever)
            {
                ring.NotifyIfDue(TimeProvider.System.GetTimestamp());
            }
        }
    }

    /// <summary>The thread is awake and looks at the rings by itself: its drivers need not kick.</summary>
    private void Disarm(GuestRings rings)
    {
        _isArmed = false;
        foreach (GuestSendRing ring in rings.Senders)
        {
            ring.DisableKicks();
        }
    }

    /// <summary>Several queues, or hashes to report: each frame goes its own way, and each queue is published once.</summary>
    private void Steer(ReadOnlySpan<NetFrame> frames, NetGuestState state, ReadOnlySpan<GuestReceiveRing> receivers)
    {
        NetSteering steering = state.Steering;
        for (int i = 0; i < frames.Length; i++)
        {
            ReadOnlySpan<NetFrame> frame = frames.Slice(i, 1);
            bool isFlow = FlowFields.TryParse(frame[0].Data.AsSpan()[0].AsSpan(), out FlowFields fields);
            uint hash = 0;
            NetHashTypes type = isFlow ? steering.Compute(in fields, out hash) : NetHashTypes.None;
            GuestReceiveRing? ring = steering.Table is { } table
                ? Rings.OfPair(type == NetHashTypes.None ? steering.Unclassified : table[hash & (uint)(table.Length - 1)])
                : Choose(steering, receivers, isFlow, in fields);
            if (ring is null)
            {
                _port.Counters.NoBuffer++;
                continue;
            }

            ring.Transmit(frame, state, hash, NetSteering.Report(type));
        }

        foreach (GuestReceiveRing ring in receivers)
        {
            ring.Publish(state.ReceiveCoalescing, 1);
        }
    }

    private GuestReceiveRing Choose(NetSteering steering, ReadOnlySpan<GuestReceiveRing> receivers, bool isFlow, in FlowFields fields)
    {
        int pairs = steering.Pairs == 0 ? receivers.Length : Math.Min(steering.Pairs, receivers.Length);
        int pair = isFlow && pairs > 1 ? _port.Flows.Find(in fields, pairs) : 0;
        return Rings.OfPair(pair) ?? receivers[0];
    }

    /// <summary>What no ring holds: the end of a frame whose ring went, and an announcement that the front end asked for.</summary>
    private int ReceiveOurs(Span<NetReceived> frames)
    {
        int count = 0;
        if (_owesDiscard && count < frames.Length && _buffers.Count != 0)
        {
            frames[count++] = new NetReceived { Tag = _buffers.Peek().Tag, Offload = new() { Flags = NetFrameFlags.Discarded } };
            _buffers.Take();
            _owesDiscard = false;
        }

        if (!_owesDiscard && _port.Gratuitous is var address && address != 0 && count < frames.Length && _buffers.Count != 0)
        {
            frames[count++] = new NetReceived { Tag = _buffers.Peek().Tag, Length = RarpFrame.Write(_buffers.Peek().Memory.AsSpan(), new(address)) };
            _buffers.Take();
            _port.Gratuitous = 0;
        }

        return count;
    }
}
