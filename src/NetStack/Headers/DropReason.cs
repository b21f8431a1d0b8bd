namespace Makatea.NetStack;

/// <summary>Why a router dropped a packet; counted for each port.</summary>
public enum DropReason : byte
{
    /// <summary>It was not.</summary>
    None,

    /// <summary>Headers contradict each other or the frame's length.</summary>
    Malformed,

    /// <summary>A checksum is wrong.</summary>
    BadChecksum,

    /// <summary>The source MAC address is not the port's.</summary>
    SpoofedMac,

    /// <summary>The source IPv4 address is not the port's.</summary>
    SpoofedIPv4,

    /// <summary>The source IPv6 address is not the port's.</summary>
    SpoofedIPv6,

    /// <summary>An ARP message says what is not so of its sender.</summary>
    SpoofedArp,

    /// <summary>A neighbour discovery message says what is not so of its sender.</summary>
    SpoofedNeighbour,

    /// <summary>Neither IPv4, IPv6 nor ARP, or in a VLAN.</summary>
    UnknownType,

    /// <summary>For another station's MAC address.</summary>
    NotForUs,

    /// <summary>For a group that the domain does not serve.</summary>
    Group,

    /// <summary>A source or destination that no packet may have, or none that may go on.</summary>
    BadAddress,

    /// <summary>With a source route.</summary>
    SourceRouted,

    /// <summary>Extension headers that are too many, too long or out of order.</summary>
    BadExtension,

    /// <summary>The work that was left to a port makes no sense for the packet.</summary>
    BadOffload,

    /// <summary>The sender's limit of packets or bytes was reached.</summary>
    Limited,

    /// <summary>The hop limit was used up.</summary>
    HopLimit,

    /// <summary>Larger than the next link carries, and not to be cut.</summary>
    TooBig,

    /// <summary>No way to the destination.</summary>
    NoRoute,

    /// <summary>The next hop does not answer, or too many packets wait for its answer.</summary>
    NoNeighbour,

    /// <summary>No rule of the qube's firewall allows it.</summary>
    Rejected,

    /// <summary>It fits no flow.</summary>
    BadFlow,

    /// <summary>There is no room for its flow.</summary>
    TooManyFlows,

    /// <summary>A fragment that overlaps others, is too small, or is of no possible datagram.</summary>
    BadFragment,

    /// <summary>A fragment whose datagram did not become whole in time or in room.</summary>
    LostFragment,

    /// <summary>For the domain itself, where nobody waits for it.</summary>
    NotServed,

    /// <summary>No buffer was free.</summary>
    NoBuffer,
}
