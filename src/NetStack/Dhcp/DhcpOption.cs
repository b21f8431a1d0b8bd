namespace Makatea.NetStack;

/// <summary>Options of DHCP that are used here ([RFC 2132], [RFC 3442] for 121).</summary>
internal enum DhcpOption : byte
{
    Pad = 0,
    SubnetMask = 1,
    Router = 3,
    DnsServers = 6,
    HostName = 12,
    InterfaceMtu = 26,
    RequestedAddress = 50,
    LeaseTime = 51,
    Overload = 52,
    MessageType = 53,
    ServerIdentifier = 54,
    ParameterList = 55,
    MaximumMessageSize = 57,
    RenewalTime = 58,
    RebindingTime = 59,
    ClientIdentifier = 61,
    ClasslessRoutes = 121,
    End = 255,
}

/// <summary>What a message is for: option 53 ([RFC 2132] 9.6).</summary>
internal enum DhcpMessageType : byte
{
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
    Inform = 8,
}
