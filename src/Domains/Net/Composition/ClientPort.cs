using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Virtio.Net;

namespace Makatea.Domains.Net;

/// <summary>One client: its virtio network device, who serves front ends that come for it, and its port on the forwarding thread.</summary>
internal sealed class ClientPort : IDisposable
{
    private readonly DeviceServer _server;

    /// <summary>Makes device and server.</summary>
    /// <param name="number">Number by which tracker and router know it.</param>
    /// <param name="options">The client.</param>
    /// <param name="rules">Its firewall, read.</param>
    /// <param name="listener">Where front ends come; becomes this object's.</param>
    /// <param name="host">Where it runs.</param>
    /// <param name="logger">Told of connections.</param>
    public ClientPort(int number, ClientOptions options, IReadOnlyList<FirewallRule> rules, ChannelListener listener, ComponentHost host, ComponentLogger logger)
    {
        Number = number;
        Options = options;
        Rules = rules;
        Device = new VirtioNetDevice(new VirtioNetOptions { Name = options.Name, Address = options.Mac, Mtu = options.Mtu, QueuePairs = options.Queues, ControlQueue = false })
        {
            IsLinkUp = options.IsAttached,
        };
        _server = new DeviceServer(Device, listener, host, logger);
    }

    /// <summary>Its number.</summary>
    public int Number { get; }

    /// <summary>What it is.</summary>
    public ClientOptions Options { get; }

    /// <summary>Its firewall; the forwarding thread's once it is attached.</summary>
    public IReadOnlyList<FirewallRule> Rules { get; set; }

    /// <summary>Its interface.</summary>
    public VirtioNetDevice Device { get; }

    /// <summary>Its port on the forwarding thread; null before it is attached.</summary>
    public ForwardingPort? Port { get; set; }

    /// <summary>Who it is, for the router.</summary>
    public QubeLink Link => new()
    {
        Number = Number,
        Mac = Options.Mac,
        IPv4 = Options.Address4,
        IPv6 = Options.Address6,
        PacketsPerSecond = Options.Limits.PacketsPerSecond ?? 0,
        BytesPerSecond = Options.Limits.BytesPerSecond ?? 0,
        ReceivePacketsPerSecond = Options.Limits.PacketsPerSecond ?? 0,
        ReceiveBytesPerSecond = Options.Limits.BytesPerSecond ?? 0,
        BurstMilliseconds = Options.Limits.BurstMilliseconds,
    };

    /// <summary>Lets front ends come.</summary>
    public void Serve() => _server.Start();

    /// <summary>Lets no more come; those that are there end.</summary>
    public void Close() => _server.Close();

    /// <summary>Ends the connection and the device. The forwarding thread runs still, as rings are taken from it.</summary>
    public void Dispose() => _server.End(_ => { });
}
