namespace Makatea.Systems;

/// <summary>What the network looks like in a system file.</summary>
internal static class NetShape
{
    private static readonly TextShape _interface = new("the name of a network interface, 1 to 15 characters", "^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$");

    private static readonly TextShape _adapter = new("a PCI address, such as 0000:02:00.0, or 'emulated'", "^(emulated|([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\\.[0-7])$");

    private static readonly TextShape _ip = new("an IPv4 address, such as 10.137.0.40", "^[0-9.]{7,15}$");

    private static readonly TextShape _ip6 = new("an IPv6 address, such as fd09:24ef:4179::a89:28", "^[0-9a-fA-F:.]{2,45}$");

    private static readonly TextShape _anyIp = new("an IP address", "^[0-9a-fA-F:.]{2,45}$");

    private static readonly TextShape _network = new("an IPv4 address and the length of its network, such as 192.168.1.7/24", "^[0-9.]{7,15}/[0-9]{1,2}$");

    private static readonly TextShape _network6 = new("an IPv6 address and the length of its network, such as fd00::7/64", "^[0-9a-fA-F:.]{2,45}/[0-9]{1,3}$");

    private static readonly TextShape _mac = new("an Ethernet address in lower case, such as 00:16:3e:5e:6c:28", "^([0-9a-f]{2}:){5}[0-9a-f]{2}$");

    private static readonly TextShape _wire = new("user, tap:NAME, connect:PATH or listen:PATH", "^(user|(tap|connect|listen):.{1,107})$");

    private static readonly WholeNumberShape _port = new(1, 65535);

    private static readonly RecordShape<PortLimits> _limits = new RecordShape<PortLimits>("net-limits", "How much may pass to and from a client.", () => new())
        .Optional("bps", new SizeShape(1 << 10, 1ul << 40), (l, v) => l.BytesPerSecond = v, "Bytes a second each way, such as 12M.")
        .Optional("pps", new WholeNumberShape(1, 100_000_000), (l, v) => l.PacketsPerSecond = v, "Packets a second each way.")
        .Optional("burst", new WholeNumberShape(1, 60_000), (l, v) => l.BurstMilliseconds = v, "For how many milliseconds of idling the full rate can be saved up.", 100);

    private static readonly RecordShape<PublishDescription> _publish = new RecordShape<PublishDescription>("publish", "A port of the uplink's address that leads to the client.", () => new())
        .Required("port", _port.Located(), (p, v) => p.Port = v, "The port outside.")
        .Optional("to", _port, (p, v) => p.To = v, "The port of the client; by default the same.")
        .Optional("proto", new WordShape<bool>(("tcp", false), ("udp", true)), (p, v) => p.IsUdp = v, "The protocol.", "tcp");

    private static readonly ListShape<Located<string>> _firewall = new(new TextShape($"a rule, such as '{FirewallRules.Example}'").Located(), 1024);

    private static readonly RecordShape<PortDescription> _clientPort = new RecordShape<PortDescription>("net", "A client's port at its net domain. All has defaults.", () => new())
        .Optional("ip", _ip.Located(), (p, v) => p.Ip = v, "Its IPv4 address; by default one of 10.137.0.17 to .254, in the order of the file.")
        .Optional("ip6", _ip6.Located(), (p, v) => p.Ip6 = v, "Its IPv6 address; by default fd09:24ef:4179::a89:N with the number of its default IPv4 address.")
        .Optional("mac", _mac.Located(), (p, v) => p.Mac = v, "Its Ethernet address; by default 00:16:3e:5e:6c:N with the number of its default IPv4 address.")
        .Optional("mtu", new WholeNumberShape(1280, 9216), (p, v) => p.Mtu = (int)v, "Largest packet in bytes.", PortDescription.DefaultMtu)
        .Optional("queues", new WholeNumberShape(1, 16), (p, v) => p.Queues = (int)v, "Number of pairs of virtqueues. The domain serves all of them on one thread.", 1)
        .Optional("limits", _limits, (p, v) => p.Limits = v, "How much may pass.");

    /// <summary>A net domain's uplink.</summary>
    public static readonly Shape<Located<UplinkDescription>> Uplink = new RecordShape<UplinkDescription>("uplink", "How a net domain reaches the world.", () => new())
        .Optional("tap", _interface.Located(), (u, v) => u.Tap = v, "A TAP device, by name; made where there is none.")
        .Optional("interface", _interface.Located(), (u, v) => u.Interface = v, "Another network interface, by name, such as an end of a veth pair.")
        .Optional("e1000", _adapter.Located(), (u, v) => u.E1000 = v, "An Intel 82574L or 82540EM that the domain drives, by PCI address, or 'emulated' for a device model behind an IOMMU.")
        .Optional("wire", _wire.Located(), (u, v) => u.Wire = v, "What the wire of a device model is: QEMU's user network, a TAP device, or frames over a UNIX socket.", UplinkDescription.UserNetwork)
        .Optional("netvm", Names.System.Located(), (u, v) => u.NetVm = v, "Another net domain, of which this one is a client.")
        .Optional("address", _network.Located(), (u, v) => u.Address = v, "IPv4 address and length of its network, such as 192.168.1.7/24; by default DHCP's.")
        .Optional("gateway", _ip.Located(), (u, v) => u.Gateway = v, "The router of that network.")
        .Optional("address6", _network6.Located(), (u, v) => u.Address6 = v, "IPv6 address and length of its network; by default as routers advertise.")
        .Optional("gateway6", _ip6.Located(), (u, v) => u.Gateway6 = v, "The router of that network.")
        .Optional("dns", new ListShape<Located<string>>(_anyIp.Located(), 3), (u, v) => u.Dns = v, "Name servers; by default DHCP's.")
        .ExactlyOneOf("tap", "interface", "e1000", "netvm")
        .Needs("wire", "e1000")
        .Needs("gateway", "address")
        .Needs("gateway6", "address6")
        .Located();

    /// <summary>The keys of what can be a client.</summary>
    public static RecordShape<T> ClientKeys<T>(RecordShape<T> shape)
        where T : NetClientDescription => shape
        .Optional("netvm", Names.System.Located(), (c, v) => c.NetVm = v, "The net domain that it is a client of; without one it has no network.")
        .Optional("net", _clientPort, (c, v) => c.Port = v, "What its port at the net domain is like.")
        .Optional("firewall", _firewall, (c, v) => c.Firewall = v, "What it may reach: rules in the terms of Qubes' qvm-firewall, the first that matches decides, and what none matches is dropped. Without it, all but other clients.")
        .Optional("publish", new ListShape<PublishDescription>(_publish, 64), (c, v) => c.Publish = v, "Ports of the uplink's address, through all its net domains, that lead to it.")
        .Needs("net", "netvm")
        .Needs("firewall", "netvm")
        .Needs("publish", "netvm");
}
