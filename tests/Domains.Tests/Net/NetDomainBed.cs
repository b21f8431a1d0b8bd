using System.Diagnostics;
using Makatea.Domains.Net;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Tests.Net;
using Makatea.Virtio.Testing;

namespace Makatea.Domains.Tests.Net;

/// <summary>
/// A net domain between kernels: an outside in a namespace, behind a veth pair, and clients in namespaces of their own, each on a TAP device whose frames are carried to the driver side of virtio-net.
/// </summary>
internal sealed class NetDomainBed : IDisposable
{
    internal const string Outside4 = "192.0.2.1";
    internal const string Outside6 = "2001:db8::1";
    private readonly NetBed _middle = NetBed.Create();
    private readonly NetDescriptors _uplink;
    private readonly LinuxGrant _connections;
    private readonly GrantSlot[] _uplinkSlots;
    private readonly GrantSlot[] _memorySlots;
    private readonly List<GrantSlot[]> _listenerSlots = [];
    private readonly List<UnixChannelListener> _listeners = [];
    private readonly List<ManifestGrant> _grants = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("makatea-net-");
    private readonly List<Process> _processes = [];

    internal NetDomainBed(params ClientOptions[] clients)
        : this(u => u, clients)
    {
    }

    internal NetDomainBed(Func<UplinkOptions, UplinkOptions> uplink, params ClientOptions[] clients)
    {
        NetBed.RequireTap();
        Outside.Veth("out", _middle, "uplink");
        Outside.Up("out", $"{Outside4}/24", $"{Outside6}/64");
        _middle.UpBare("uplink");
        _uplink = _middle.In(() => PacketPort.OpenDescriptors("uplink"));
        _uplinkSlots = GrantSlot.Of(_uplink.Device, _uplink.Link);
        _grants.Add(new ManifestGrant("uplink", GrantType.Port, _uplinkSlots[0].Number));
        Options = new NetDomainOptions
        {
            Address4 = Ip("10.137.0.1"),
            Address6 = Ip("fd09:24ef:4179::a89:1"),
            Connections = "connections",
            ConnectionLimit = 4096,
            Uplink = uplink(new UplinkOptions
            {
                Kind = UplinkKind.Interface,
                Grant = "uplink",
                Address4 = (Ip("192.0.2.7"), 24),
                Gateway4 = Ip(Outside4),
                Address6 = (Ip("2001:db8::7"), 64),
                Gateway6 = Ip(Outside6),
                NameServers = [Ip(Outside4)],
            }),
            Clients = clients,
        };
        _connections = (LinuxGrant)new LinuxHost().CreateMemory("connections", (Options.ConnectionsLength + 4095) & ~4095ul);
        _memorySlots = GrantSlot.Of(_connections.Handle);
        _grants.Add(new ManifestGrant("connections", GrantType.Region, _memorySlots[0].Number));
        foreach (ClientOptions client in clients)
        {
            UnixChannelListener listener = UnixChannelListener.Bind(SocketOf(client.Name));
            _listeners.Add(listener);
            GrantSlot[] slots = GrantSlot.Of(listener.Handle);
            _listenerSlots.Add(slots);
            _grants.Add(new ManifestGrant(client.Listener, GrantType.Listener, slots[0].Number));
        }

        Domain = Start();
        foreach (ClientOptions client in clients)
        {
            Clients.Add(client.Name, new Client(client, SocketOf(client.Name)));
        }
    }

    internal NetBed Outside { get; } = NetBed.Create();

    internal NetDomainOptions Options { get; }

    internal NetDomain Domain { get; private set; }

    internal Dictionary<string, Client> Clients { get; } = [];

    internal static IpAddress Ip(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    internal static ClientOptions Qube(string name, int number, params string[] rules) => new()
    {
        Name = name,
        Listener = $"{name} socket",
        Mac = new(0x0016_3e5e_6c00 + (ulong)number),
        Address4 = Ip($"10.137.0.{number}"),
        Address6 = Ip($"fd09:24ef:4179::a89:{number:x}"),
        Rules = rules.Length == 0 ? null : rules,
    };

    /// <summary>Ends the domain and starts another with the same grants, as a manager does.</summary>
    internal void Restart()
    {
        Domain.Dispose();
        Domain = Start();
        foreach ((string name, Client client) in Clients)
        {
            client.Reconnect(SocketOf(name));
        }
    }

    /// <summary>Starts a program outside, until the bed ends.</summary>
    internal void Serve(string program, params string[] arguments)
    {
        _processes.Add(Outside.Start(program, arguments));
        Thread.Sleep(300);
    }

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        foreach (Client client in Clients.Values)
        {
            client.Dispose();
        }

        Domain.Dispose();
        _listeners.ForEach(l => l.Dispose());
        foreach (GrantSlot slot in _listenerSlots.SelectMany(s => s).Concat(_uplinkSlots).Concat(_memorySlots))
        {
            slot.Dispose();
        }

        _connections.Dispose();
        _uplink.Dispose();
        Outside.Dispose();
        _middle.Dispose();
        _folder.Delete(recursive: true);
    }

    private string SocketOf(string client) => Path.Combine(_folder.FullName, client);

    private NetDomain Start()
    {
        var manifest = new ComponentManifest { Name = "net", Kind = NetDomainOptions.Kind, Grants = _grants, Devices = Options.ToDevices() };
        var domain = new NetDomain(ComponentManifest.FromJson(manifest.ToJson()), new LinuxHost(), new LinuxGrants());
        domain.Start();
        return domain;
    }

    /// <summary>A client: a kernel with one interface.</summary>
    internal sealed class Client : IDisposable
    {
        private readonly PortBridge _bridge;
        private readonly DriverNetPort _port;

        internal Client(ClientOptions options, string socket)
        {
            TapPort tap = Kernel.In(() => TapPort.Open("eth0"));
            NetBed.Ip("-n", Kernel.Name, "link", "set", "eth0", "address", options.Mac.ToString());
            Kernel.Up("eth0", $"{options.Address4}/32", $"{options.Address6}/128");
            NetBed.Ip("-n", Kernel.Name, "route", "add", "default", "via", "10.137.0.1", "dev", "eth0", "onlink");
            NetBed.Ip("-n", Kernel.Name, "-6", "route", "add", "default", "via", "fe80::fcff:ffff:feff:ffff", "dev", "eth0", "onlink");
            _port = new DriverNetPort(UnixMessageChannel.Connect(socket), new LinuxHost());
            _bridge = new PortBridge(tap, _port);
        }

        internal NetBed Kernel { get; } = NetBed.Create();

        internal void Reconnect(string socket) => _port.Reconnect(UnixMessageChannel.Connect(socket));

        public void Dispose()
        {
            _bridge.Dispose();
            Kernel.Dispose();
        }
    }
}
