namespace Makatea.NetStack;

/// <summary>Numbers of protocols above IP, and of IPv6's extension headers.</summary>
public static class IpProtocol
{
    /// <summary>IPv6 hop-by-hop options.</summary>
    public const byte HopByHop = 0;
    /// <summary>ICMP of IPv4.</summary>
    public const byte Icmp4 = 1;
    /// <summary>TCP.</summary>
    public const byte Tcp = 6;
    /// <summary>UDP.</summary>
    public const byte Udp = 17;
    /// <summary>IPv6 routing header.</summary>
    public const byte Routing = 43;
    /// <summary>IPv6 fragment header.</summary>
    public const byte Fragment = 44;
    /// <summary>ICMPv6.</summary>
    public const byte Icmp6 = 58;
    /// <summary>Nothing follows.</summary>
    public const byte NoNext = 59;
    /// <summary>IPv6 destination options.</summary>
    public const byte DestinationOptions = 60;

    /// <summary>Where the checksum is in the transport header.</summary>
    /// <returns>-1 where there is none that is known.</returns>
    public static int ChecksumOffset(byte protocol) => protocol switch
    {
        Tcp => 16,
        Udp => 6,
        Icmp4 or Icmp6 => 2,
        _ => -1,
    };
}
