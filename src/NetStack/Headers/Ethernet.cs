namespace Makatea.NetStack;

/// <summary>The Ethernet header ([IEEE 802.3] 3.1.1): destination, source, type.</summary>
internal static class Ethernet
{
    public const int HeaderLength = 14;
    public const int SourceOffset = 6;
    public const int TypeOffset = 12;

    public const ushort IPv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort Vlan = 0x8100;
    public const ushort IPv6 = 0x86dd;
}
