namespace Makatea.NetStack.Tests;

/// <summary>Between TCP and the router: loses, doubles, delays and damages segments either way, by a seed. Kernels have netem for that, but not all of them.</summary>
internal sealed class FaultyLayer(IIpLayer below, LinkFaults faults) : IIpLayer, IIpReceiver, IHostTimer
{
    private readonly Random _random = new(1);
    private readonly PriorityQueue<Action, (long Time, long Order)> _late = new();
    private long _order;

    internal IIpReceiver Receiver { get; set; } = null!;

    internal long Lost { get; private set; }

    public long Now => below.Now;

    public bool TryRoute(IpAddress destination, out int port, out IpAddress source) => below.TryRoute(destination, out port, out source);

    public int Mtu(int port, IpAddress destination) => below.Mtu(port, destination);

    public bool Send(int port, IpAddress source, IpAddress destination, byte protocol, byte hopLimit, ReadOnlySpan<byte> payload)
    {
        if (faults.Delay == 0)
        {
            return below.Send(port, source, destination, protocol, hopLimit, payload);
        }

        Carry(payload, bytes => below.Send(port, source, destination, protocol, hopLimit, bytes));
        return true;
    }

    public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
    {
        if (faults.Delay == 0)
        {
            return Receiver.Receive(info, payload);
        }

        IpPacketInfo from = info;
        Carry(payload, bytes => Receiver.Receive(from, bytes));
        return LocalDelivery.Delivered;
    }

    public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted) => Receiver.ReceiveError(error, quoted);

    public long Tick(long now)
    {
        while (_late.TryPeek(out Action? action, out (long Time, long Order) at))
        {
            if (at.Time > now)
            {
                return at.Time;
            }

            _late.Dequeue();
            action();
        }

        return IHostTimer.Never;
    }

    private void Carry(ReadOnlySpan<byte> payload, Action<byte[]> arrive)
    {
        if (_random.NextDouble() < faults.Loss)
        {
            Lost++;
            return;
        }

        for (int copies = _random.NextDouble() < faults.Duplication ? 2 : 1; copies > 0; copies--)
        {
            byte[] bytes = payload.ToArray();
            int delay = faults.Delay + (_random.NextDouble() < faults.Reordering ? _random.Next(faults.ReorderDelay) : 0);
            _late.Enqueue(() => arrive(bytes), (Now + delay, _order++));
        }
    }
}
