namespace Makatea.NetStack;

/// <summary>Numbers of protocols above IP, and of IPv6's extension headers.</summary>
internal static class IpProtocol
{
    public const byte HopByHop = 0;
    public const byte Icmp4 = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Routing = 43;
    public const byte Fragment = 44;
    public const byte Icmp6 = 58;
    public const byte NoNext = 59;
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
