using System.IO.Pipelines;

namespace Makatea.NetStack.Tests;

/// <summary>What a link does to packets; all by a seed.</summary>
internal sealed record LinkFaults
{
    public double Loss { get; init; }

    public double Duplication { get; init; }

    public double Corruption { get; init; }

    /// <summary>Part of the packets that are late by up to <see cref="ReorderDelay"/>.</summary>
    public double Reordering { get; init; }

    public int ReorderDelay { get; init; } = 30;

    /// <summary>Milliseconds one way.</summary>
    public int Delay { get; init; } = 5;

    /// <summary>Bytes that leave each millisecond; 0 for no limit.</summary>
    public int Rate { get; init; }

    /// <summary>Bytes that wait for the link at most; more are lost.</summary>
    public int Queue { get; init; } = 64 * 1024;
}

/// <summary>A link between hosts in virtual time: what happens is decided by a seed, so that a run can be repeated.</summary>
internal sealed class SimulatedNetwork(int seed)
{
    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private readonly List<SimulatedHost> _hosts = [];
    private readonly Random _random = new(seed);
    private long _order;

    public long Now { get; private set; } = 1000;

    public LinkFaults Faults { get; set; } = new();

    public long Packets { get; private set; }

    /// <summary>Sees every packet that was sent, and may keep it from arriving by returning false.</summary>
    public Func<IpPacketInfo, byte[], bool>? Tap { get; set; }

    public IReadOnlyList<SimulatedHost> Hosts => _hosts;

    public SimulatedHost AddHost(params string[] addresses)
    {
        var host = new SimulatedHost(this, [.. addresses.Select(text => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text))]);
        _hosts.Add(host);
        return host;
    }

    public void At(long time, Action action) => _events.Enqueue(action, (Math.Max(time, Now), _order++));

    /// <summary>Lets time pass until a condition holds.</summary>
    public bool RunUntil(Func<bool> condition, long milliseconds)
    {
        SynchronizationContext.SetSynchronizationContext(null); // everything runs here
        long end = Now + milliseconds;
        while (!condition())
        {
            long next = Math.Min(_hosts.Min(host => host.Tick(Now)), _events.TryPeek(out _, out (long Time, long Order) first) ? first.Time : long.MaxValue);
            if (condition())
            {
                return true;
            }

            if (next > end)
            {
                Now = end;
                return false;
            }

            Now = Math.Max(Now, next);
            while (_events.TryPeek(out _, out first) && first.Time <= Now)
            {
                _events.Dequeue()();
            }
        }

        return true;
    }

    public void Run(long milliseconds) => RunUntil(() => false, milliseconds);

    internal void Carry(SimulatedHost from, IpPacketInfo info, byte[] payload)
    {
        Packets++;
        bool isGroup = info.Destination.IsMulticast || info.Destination == IpAddress.Broadcast4;
        if (Tap?.Invoke(info, payload) == false)
        {
            return;
        }

        foreach (SimulatedHost host in _hosts)
        {
            if (host != from && (isGroup || host.Addresses.Contains(info.Destination)))
            {
                Carry(from, host, info, payload);
            }
        }
    }

    private void Carry(SimulatedHost from, SimulatedHost to, IpPacketInfo info, byte[] payload)
    {
        long leaves = Now;
        if (Faults.Rate > 0)
        {
            from.BusyUntil = Math.Max(from.BusyUntil, Now * 1000L);
            if ((from.BusyUntil - (Now * 1000L)) * Faults.Rate / 1000 > Faults.Queue)
            {
                return;
            }

            from.BusyUntil += (payload.Length + 40L) * 1000 / Faults.Rate;
            leaves = from.BusyUntil / 1000;
        }

        if (_random.NextDouble() < Faults.Loss)
        {
            return;
        }

        for (int copies = _random.NextDouble() < Faults.Duplication ? 2 : 1; copies > 0; copies--)
        {
            long arrives = leaves + Faults.Delay + (_random.NextDouble() < Faults.Reordering ? _random.Next(Faults.ReorderDelay) : 0);
            byte[] data = payload;
            if (_random.NextDouble() < Faults.Corruption)
            {
                data = [.. payload];
                data[_random.Next(data.Length)] ^= (byte)(1 << _random.Next(8));
            }

            At(arrives, () => to.Deliver(info, data));
        }
    }
}

/// <summary>A host on it: an IP layer with addresses, and a dispatcher.</summary>
internal sealed class SimulatedHost : IIpLayer
{
    private readonly SimulatedNetwork _network;

    internal SimulatedHost(SimulatedNetwork network, List<IpAddress> addresses)
    {
        (_network, Addresses) = (network, addresses);
        Random = new((UInt128)(network.Hosts.Count + 1));
        Udp = new(this, Random);
        Dispatcher.SetReceiver(IpProtocol.Udp, Udp);
        Dispatcher.SetReceiver(IpProtocol.Icmp6, Discovery);
    }

    public List<IpAddress> Addresses { get; }

    public LocalDispatcher Dispatcher { get; } = new();

    public UdpHost Udp { get; }

    public RouterDiscovery Discovery { get; } = new();

    public NetRandom Random { get; }

    public int LinkMtu { get; set; } = 1500;

    /// <summary>The port that packets arrive on.</summary>
    public int Port { get; set; } = 1;

    public long Now => _network.Now;

    /// <summary>Made by <see cref="UseTcp"/>.</summary>
    public TcpHost Tcp { get; private set; } = null!;

    public Dictionary<LocalDelivery, int> Deliveries { get; } = [];

    /// <summary>In thousandths of a millisecond.</summary>
    internal long BusyUntil { get; set; }

    public IpAddress Address => Addresses[0];

    public bool TryRoute(IpAddress destination, out int port, out IpAddress source)
    {
        port = Port;
        source = Addresses.Find(address => address.IsIPv4 == destination.IsIPv4);
        return Addresses.Exists(address => address.IsIPv4 == destination.IsIPv4);
    }

    public int Mtu(int port, IpAddress destination) => LinkMtu;

    public bool Send(int port, IpAddress source, IpAddress destination, byte protocol, byte hopLimit, ReadOnlySpan<byte> payload)
    {
        if (payload.Length + (destination.IsIPv4 ? 20 : 40) > LinkMtu)
        {
            return false;
        }

        _network.Carry(this, new() { Port = Port, Source = source, Destination = destination, Protocol = protocol, HopLimit = hopLimit }, payload.ToArray());
        return true;
    }

    public TcpHost UseTcp(TcpOptions? options = null)
    {
        Tcp = new(this, Random, new Scheduler(_network), options);
        Dispatcher.SetReceiver(IpProtocol.Tcp, Tcp);
        Dispatcher.AddTimer(Tcp);
        return Tcp;
    }

    internal long Tick(long now) => Dispatcher.Tick(now);

    internal void Deliver(IpPacketInfo info, byte[] payload)
    {
        LocalDelivery delivery = Dispatcher.Receive(info with { Port = Port }, payload);
        Deliveries[delivery] = Deliveries.GetValueOrDefault(delivery) + 1;
    }

    /// <summary>Runs what continues at once, in the order of events.</summary>
    private sealed class Scheduler(SimulatedNetwork network) : PipeScheduler
    {
        public override void Schedule(Action<object?> action, object? state) => network.At(network.Now, () => action(state));
    }
}
