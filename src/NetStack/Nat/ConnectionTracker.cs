namespace Makatea.NetStack;

/// <summary>
/// Says of every packet that passes the domain whether it may, and to whom it goes: connection tracking, the qubes' firewall, source NAT and published ports.
/// </summary>
/// <remarks>
/// The router calls it after the check for spoofed addresses, once a packet: <see cref="Outbound"/>, <see cref="Inbound"/> or <see cref="Between"/>. On
/// <see cref="FlowVerdict.Forward"/> it looks whether the packet fits the MTU (an error that it sends quotes the packet as it came), and then calls <see cref="Translate"/>.
/// All on the forwarding thread; times are milliseconds of a monotonic clock, which goes on when the domain is restarted.
/// </remarks>
public sealed class ConnectionTracker
{
    /// <summary>A packet from a qube to an address that is neither another qube's nor the domain's own.</summary>
    /// <returns>Goes to the uplink, or to a qube where it asked for a port of the uplink's address that is published (hairpin).</returns>
    public FlowDecision Outbound(int qube, in FlowPacket packet, long now) => new(FlowVerdict.Rejected);

    /// <summary>A packet from the uplink, to an address that is the uplink's own.</summary>
    /// <returns>Goes to a qube; <see cref="FlowVerdict.Local"/> where it is of no flow.</returns>
    public FlowDecision Inbound(in FlowPacket packet, long now) => new(FlowVerdict.Local);

    /// <summary>A packet from one qube to the address of another.</summary>
    public FlowDecision Between(int from, int to, in FlowPacket packet, long now) => new(FlowVerdict.Rejected);

    /// <summary>A packet from a qube to the domain itself: whether the qube's rules allow it. Nothing is tracked. ICMP, DHCP, ARP and ND are not asked for.</summary>
    public FlowVerdict ToDomain(int qube, in FlowPacket packet, long now) => FlowVerdict.Rejected;

    /// <summary>Puts the addresses, ports and checksums into a packet that it goes on with. The packet is the one that the decision was made for.</summary>
    public void Translate(in FlowDecision decision, in FlowPacket packet)
    {
    }

    /// <summary>Ends flows whose time is over, some at a time. To be called between batches once <paramref name="now"/> is what the last call returned.</summary>
    /// <returns>When it wants to be called again.</returns>
    public long Tick(long now) => long.MaxValue;
}
