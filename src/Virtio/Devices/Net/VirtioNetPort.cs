using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// A guest's interface as a network sees it: what the guest transmits is received here, and the other way round. It has one queue, for one thread, whatever its driver uses.
/// </summary>
public sealed class VirtioNetPort : NetPort
{
    /// <summary>Most pieces of a frame for the guest; they are copied.</summary>
    private const int MaxSegments = 64;

    private readonly VirtioNetOptions _options;
    private readonly FlowTable _flows = new();
    private VirtioNetQueue? _queue;
    private volatile NetGuestState _state = NetGuestState.None;
    private volatile bool _isLinkUp = true;
    private volatile bool _isGone;
    private int _mtu;
    private ulong _gratuitous;
    private bool _hasSender;
    private bool _hasReceiver;

    internal VirtioNetPort(VirtioNetOptions options)
    {
        _options = options;
        _mtu = options.Mtu;
    }

    /// <inheritdoc/>
    public override NetPortInfo Info => new()
    {
        Address = State.Filter.Address.Value == 0 ? _options.Address : State.Filter.Address,
        Mtu = Mtu,
        IsLinkUp = IsUp && Volatile.Read(ref _hasSender) && Volatile.Read(ref _hasReceiver),
        IsGone = _isGone,
        LinkSpeed = _options.LinkSpeed,
        Transmit = NetFeatures.TakenBy(State.Offloads),
        Receive = NetFeatures.OfferedTo(State.Features),
        MaxSegments = MaxSegments,
        MaxSegmentedLength = (State.Offloads & NetFeatures.GuestOffloads & ~NetFeatures.GuestChecksum) != 0 ? NetHeader.MaxFrameLength : 0,
    };

    /// <summary>What was counted, in the guest's words.</summary>
    public NetCounters Counters { get; } = new();

    /// <summary>Guards who has the rings: the queue's thread, or nobody.</summary>
    internal Lock Gate { get; } = new();

    internal GuestRings Rings { get; } = new();

    internal FlowTable Flows => _flows;

    internal NetGuestState State => _state;

    internal int Mtu => Volatile.Read(ref _mtu);

    internal bool IsUp => _isLinkUp;

    /// <summary>A station to announce to the network, or 0.</summary>
    internal ulong Gratuitous
    {
        get => Volatile.Read(ref _gratuitous);
        set => Volatile.Write(ref _gratuitous, value);
    }

    /// <inheritdoc/>
    public override NetQueue OpenQueue(int index, NetQueueOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(index, 0);
        ArgumentNullException.ThrowIfNull(options);
        if (options.ReceiveBufferLength < 256 || options.ReceiveDepth < 1 || options.TransmitDepth < 1)
        {
            throw new ArgumentException(
                $"{options.ReceiveDepth} buffers of {options.ReceiveBufferLength} bytes and {options.TransmitDepth} frames; allowed are buffers of 256 bytes and more, and one of each at least",
                nameof(options));
        }

        lock (Gate)
        {
            ObjectDisposedException.ThrowIf(_isGone, this);
            return _queue is null
                ? _queue = new VirtioNetQueue(this, options)
                : throw new ArgumentException("the queue is open; it is opened once at a time", nameof(index));
        }
    }

    /// <summary>Does nothing: all that the guest transmits is received.</summary>
    public override void SetFilter(NetFilter filter)
    {
    }

    /// <inheritdoc/>
    public override NetStatistics ReadStatistics() => new()
    {
        ReceivedFrames = (ulong)Counters.Transmitted,
        ReceivedBytes = (ulong)Counters.TransmittedBytes,
        ReceiveErrors = (ulong)Counters.Malformed,
        TransmittedFrames = (ulong)Counters.Received,
        TransmittedBytes = (ulong)Counters.ReceivedBytes,
        TransmitErrors = (ulong)(Counters.NoBuffer + Counters.Unwanted),
    };

    /// <summary>Gives a ring to the queue's thread.</summary>
    internal void Attach(GuestRing ring) => Change(() =>
    {
        Rings.Add(ring, _flows);
        if (ring is GuestSendRing sender)
        {
            _queue?.StartListening(sender);
        }
    });

    /// <summary>Takes a ring from the queue's thread, with everything given back to its driver.</summary>
    internal void Detach(GuestRing ring) => Change(() =>
    {
        if (ring is GuestSendRing sender)
        {
            _queue?.StopListening(sender);
        }

        Rings.Remove(ring, _flows);
        ring.Finish();
    });

    /// <summary>Has the queue's thread do something between two batches, and waits for it.</summary>
    internal void Run(Action action)
    {
        using Change change = new(action);
        lock (Gate)
        {
            if (_queue is { } queue)
            {
                queue.Post(change);
            }
            else
            {
                change.Make();
            }
        }

        change.Wait();
    }

    /// <summary>The driver agreed to something else. What was there before no longer holds when this returns.</summary>
    internal void SetState(NetGuestState state)
    {
        Run(() => _state = state);
        OnInfoChanged();
    }

    internal void SetLink(bool isUp)
    {
        _isLinkUp = isUp;
        OnInfoChanged();
    }

    internal void SetMtu(int mtu)
    {
        Volatile.Write(ref _mtu, mtu);
        OnInfoChanged();
    }

    internal void Announce(MacAddress station)
    {
        lock (Gate)
        {
            Gratuitous = station.Value;
            _queue?.Wake();
        }
    }

    /// <summary>The queue ends: what was posted is made now, on its thread.</summary>
    internal void Close(VirtioNetQueue queue)
    {
        lock (Gate)
        {
            queue.MakeChanges();
            _queue = _queue == queue ? null : _queue;
        }
    }

    /// <summary>The device ends.</summary>
    internal void End()
    {
        _isGone = true;
        OnInfoChanged();
    }

    /// <summary>Ends nothing: the device's owner does.</summary>
    protected override void Dispose(bool disposing)
    {
    }

    private void Change(Action action)
    {
        Run(() =>
        {
            action();
            Volatile.Write(ref _hasSender, !Rings.Senders.IsEmpty);
            Volatile.Write(ref _hasReceiver, !Rings.Receivers.IsEmpty);
        });
        OnInfoChanged();
    }
}
