namespace Makatea.NetStack;

/// <summary>
/// Hands packets for the domain itself to whoever waits for their protocol, and runs the services' timers. The router calls it for every such packet but echo requests and neighbour discovery, which it
/// answers; router solicitations and advertisements come here.
/// </summary>
public sealed class LocalDispatcher
{
    private readonly IIpReceiver?[] _receivers = new IIpReceiver?[256];
    private readonly List<IHostTimer> _timers = [];

    /// <summary>Lets <paramref name="receiver"/> take the packets of a protocol; null lets nobody. For ICMP it gets what is no error.</summary>
    public void SetReceiver(byte protocol, IIpReceiver? receiver) => _receivers[protocol] = receiver;

    /// <summary>Adds a service's timer.</summary>
    public void AddTimer(IHostTimer timer) => _timers.Add(timer);

    /// <summary>Takes a timer away.</summary>
    public void RemoveTimer(IHostTimer timer) => _timers.Remove(timer);

    /// <summary>Hands a packet on.</summary>
    public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
    {
        if (info.Protocol == (info.Destination.IsIPv4 ? IpProtocol.Icmp4 : IpProtocol.Icmp6) && IcmpError.IsError(info, payload))
        {
            return IcmpError.TryRead(info, payload, out IpErrorInfo error, out ReadOnlySpan<byte> quoted) ? Report(error, quoted) : LocalDelivery.Malformed;
        }

        return _receivers[info.Protocol]?.Receive(info, payload) ?? LocalDelivery.NoProtocol;
    }

    /// <summary>Lets every service do what is due. To be called before the thread sleeps and by the time returned.</summary>
    /// <returns>The next deadline, or <see cref="IHostTimer.Never"/>.</returns>
    public long Tick(long now)
    {
        long next = IHostTimer.Never;
        for (int i = 0; i < _timers.Count; i++)
        {
            next = Math.Min(next, _timers[i].Tick(now));
        }

        return next;
    }

    private LocalDelivery Report(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
    {
        _receivers[error.Protocol]?.ReceiveError(error, quoted);
        return LocalDelivery.Delivered;
    }
}
