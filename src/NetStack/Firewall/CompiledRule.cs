using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>A rule as it is matched: numbers, in the order in which they rule out most.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct CompiledRule
{
    internal const int NoName = -1;

    private UInt128 _network;
    private UInt128 _mask;
    private long _expire;
    private ushort _firstPort;
    private ushort _lastPort;
    private short _icmpType;
    private FirewallProtocol _protocol;
    private bool _isIPv6;

    /// <summary>Number of the name that it is for; less than 0 where it is for none.</summary>
    public int Name;

    /// <summary>It accepts.</summary>
    public bool IsAccept { get; private set; }

    /// <summary>It is for one address, given as such.</summary>
    public readonly bool IsOneAddress => _mask == UInt128.MaxValue && Name < 0;

    internal static CompiledRule Of(FirewallRule rule)
    {
        // An IPv4 address is ::ffff:a.b.c.d, so that a network of either family is a mask over 128 bits.
        int bits = rule.Network is not IpPrefix network ? 0 : network.Address.IsIPv4 ? 96 + network.Length : network.Length;
        return new()
        {
            _network = rule.Network?.Address.Value ?? 0,
            _mask = bits == 0 ? 0 : UInt128.MaxValue << (128 - bits),
            _expire = rule.Expire ?? long.MaxValue,
            _firstPort = rule.Ports?.First ?? 0,
            _lastPort = rule.Ports?.Last ?? ushort.MaxValue,
            _icmpType = (short)(rule.IcmpType ?? -1),
            _protocol = rule.Protocol,
            _isIPv6 = rule.Network is { Address.IsIPv4: false },
            IsAccept = rule.Action == FirewallAction.Accept,
            Name = NoName,
        };
    }

    /// <summary>Everything but name and time matches.</summary>
    internal readonly bool Matches(in FlowKey flow, byte icmpType) =>
        Covers(flow.Destination)
        && flow.DestinationPort >= _firstPort && flow.DestinationPort <= _lastPort
        && MatchesProtocol(flow.Protocol)
        && (_icmpType < 0 || _icmpType == icmpType);

    /// <summary>It did not expire.</summary>
    internal readonly bool IsInForce(in FirewallTime time) =>
        _expire == long.MaxValue || (time.UnixTime < 0 ? !IsAccept : time.UnixTime < _expire);

    /// <summary>The part of the rule that is for one address and port, TCP and UDP.</summary>
    internal readonly bool TryNarrow(IpAddress address, ushort port, out CompiledRule narrowed)
    {
        narrowed = this with { _network = address.Value, _mask = UInt128.MaxValue, _firstPort = port, _lastPort = port };
        return Covers(address) && port >= _firstPort && port <= _lastPort && _protocol is FirewallProtocol.Any or FirewallProtocol.Tcp or FirewallProtocol.Udp;
    }

    /// <summary>IPv4 addresses lie within IPv6's short prefixes, as they are kept, and nowhere else.</summary>
    private readonly bool Covers(IpAddress address) => ((address.Value ^ _network) & _mask) == 0 && !(_isIPv6 && address.IsIPv4);

    private readonly bool MatchesProtocol(byte protocol) => _protocol switch
    {
        FirewallProtocol.Any => true,
        FirewallProtocol.Tcp => protocol == IpProtocol.Tcp,
        FirewallProtocol.Udp => protocol == IpProtocol.Udp,
        FirewallProtocol.Icmp => protocol is IpProtocol.Icmp4 or IpProtocol.Icmp6,
        _ => protocol == IpProtocol.Icmp6,
    };
}
