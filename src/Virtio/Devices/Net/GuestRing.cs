using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// One of a guest's rings for frames, in the hands of the forwarding thread between <see cref="VirtioNetPort.Attach"/> and <see cref="VirtioNetPort.Detach"/>. Kinds of rings
/// differ below; a batch costs one virtual call.
/// </summary>
internal abstract class GuestRing(QueueSetup setup, NetCounters counters) : IDisposable
{
    private volatile RingFault _fault;
    private int _held;
    private long _callBy = DoorbellWaiter.Forever;

    /// <summary>Index of the pair that the ring belongs to.</summary>
    public int Pair { get; } = setup.Index / 2;

    /// <summary>Rung by the driver, or null.</summary>
    public Doorbell? Kick { get; } = setup.Kick;

    /// <summary>Rung for the driver, or null.</summary>
    public Doorbell? Call { get; set; } = setup.Call;

    /// <summary>Rung when the driver broke the ring, or null.</summary>
    public Doorbell? Error { get; } = setup.Error;

    /// <summary>How the driver broke the ring, as far as that was reported.</summary>
    public RingFault Fault => _fault;

    /// <summary>Called once when the driver broke the ring.</summary>
    public Action? Broke { get; set; }

    /// <summary>When a notification that is held back is due.</summary>
    public long CallBy => _callBy;

    /// <summary>Where the ring stands.</summary>
    public abstract RingPosition Position { get; }

    protected NetCounters Counters => counters;

    /// <summary>What the device finds out of the ring itself.</summary>
    protected abstract RingFault RingFault { get; }

    /// <summary>
    /// Where a ring goes on. Frames that one of us had taken and not given back when it was killed are taken again: they are lost or doubled, which networks may do, and the driver gets
    /// every buffer back. A split ring shows how far that is by its used index; a packed ring does not, there the front end has to know.
    /// </summary>
    public static QueueSetup StartOf(QueueSetup setup) => new()
    {
        Index = setup.Index,
        Size = setup.Size,
        Features = setup.Features,
        Memory = setup.Memory,
        DescriptorArea = setup.DescriptorArea,
        DriverArea = setup.DriverArea,
        DeviceArea = setup.DeviceArea,
        Position = new RingPosition(setup.Position.Used, setup.Position.UsedWrap, setup.Position.Used, setup.Position.UsedWrap),
        Kick = setup.Kick,
        Call = setup.Call,
        Error = setup.Error,
        DirtyLog = setup.DirtyLog,
        UsedRingLogAddress = setup.UsedRingLogAddress,
        Host = setup.Host,
    };

    /// <summary>Shows what was pushed to the driver, and notifies it.</summary>
    /// <param name="coalescing">How far the driver wants notifications held back.</param>
    /// <param name="frames">Frames since the last time.</param>
    public void Publish(in NetCoalescing coalescing, int frames)
    {
        bool wanted = PublishRing();
        if (!coalescing.IsOn && _callBy == DoorbellWaiter.Forever)
        {
            if (wanted)
            {
                Notify();
            }

            return;
        }

        HoldBack(coalescing, frames, wanted);
    }

    /// <summary>Notifies the driver if a notification that was held back is due.</summary>
    public void NotifyIfDue(long now)
    {
        if (now >= _callBy)
        {
            Notify();
        }
    }

    /// <summary>Tells that the driver broke the ring, once.</summary>
    public void ReportFault()
    {
        if (RingFault == RingFault.None || _fault != RingFault.None)
        {
            return;
        }

        _fault = RingFault;
        Counters.Loop.Faults++;
        Error?.Ring();
        Broke?.Invoke();
    }

    /// <summary>Asks the driver for kicks and looks at the ring again.</summary>
    /// <returns>True where there is something.</returns>
    public abstract bool EnableKicks();

    /// <summary>Tells the driver that the ring is looked at anyhow.</summary>
    public abstract void DisableKicks();

    /// <summary>Gives everything back that was taken, and notifies the driver of it: the ring leaves the forwarding thread.</summary>
    public virtual void Finish()
    {
        if (PublishRing() || _callBy != DoorbellWaiter.Forever)
        {
            Notify();
        }
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>See <see cref="IDeviceRing.Publish"/>.</summary>
    protected abstract bool PublishRing();

    private void Notify()
    {
        _held = 0;
        _callBy = DoorbellWaiter.Forever;
        Counters.Loop.Calls++;
        Call?.Ring();
    }

    private void HoldBack(in NetCoalescing coalescing, int frames, bool wanted)
    {
        _held += frames;
        if (wanted && _callBy == DoorbellWaiter.Forever)
        {
            _callBy = TimeProvider.System.GetTimestamp() + coalescing.Time;
        }

        if (_callBy != DoorbellWaiter.Forever && (_held >= coalescing.Packets || TimeProvider.System.GetTimestamp() >= _callBy))
        {
            Notify();
        }
    }
}

/// <summary>A ring by which the guest sends: a transmitq of its device.</summary>
internal abstract class GuestSendRing(QueueSetup setup, NetCounters counters) : GuestRing(setup, counters)
{
    /// <summary>A frame was given out in part; its rest comes first at the next <see cref="Receive"/>.</summary>
    public bool IsWithinFrame { get; protected set; }

    /// <summary>Learns which pair flows come from; null where there is but one.</summary>
    public FlowTable? Flows { get; set; }

    /// <summary>Copies frames into buffers and gives the guest's own back.</summary>
    /// <returns>Number of entries written.</returns>
    public abstract int Receive(BufferStore buffers, Span<NetReceived> frames, NetGuestState state, int mtu);
}

/// <summary>A ring by which the guest receives.</summary>
internal abstract class GuestReceiveRing(QueueSetup setup, NetCounters counters) : GuestRing(setup, counters)
{
    /// <summary>Copies frames into the guest's buffers. What it does not take, or has no buffer for, is dropped and counted.</summary>
    /// <param name="frames">The frames.</param>
    /// <param name="state">What the driver agreed to.</param>
    /// <param name="hash">Their hash, where there is one and it is reported.</param>
    /// <param name="report">Type of the hash, VIRTIO_NET_HASH_REPORT_*.</param>
    public abstract void Transmit(ReadOnlySpan<NetFrame> frames, NetGuestState state, uint hash, ushort report);
}
