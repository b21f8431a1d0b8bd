namespace Makatea.Drivers.E1000;

/// <summary>
/// Receive descriptors, 16 bytes as two little-endian words. The driver writes the buffer's address and a zero; the controller writes what it received. All that the driver
/// wants is in the second word, in an order that depends on the format, and the status and errors have the same bits in both.
/// </summary>
/// <remarks>
/// <code>
/// legacy    8  VLAN 63:48 | errors 47:40 | status 39:32 | sum 31:16 | length 15:0      [8254x-SDM] 3.2.3
/// extended  8  VLAN 63:48 | length 47:32 | errors 31:24 | 23:8 | status 7:0            [82574-DS] 7.1.5
/// </code>
/// </remarks>
internal static class ReceiveDescriptor
{
    public const int Length = 16;

    /// <summary>Where the second word is.</summary>
    public const int Second = 8;

    /// <summary>DD: the controller is done with the descriptor.</summary>
    public const uint Done = 1 << 0;

    /// <summary>EOP: the frame ends here.</summary>
    public const uint EndOfPacket = 1 << 1;

    /// <summary>IXSM: the next three say nothing.</summary>
    public const uint IgnoreChecksum = 1 << 2;

    /// <summary>VP: a VLAN tag was taken out.</summary>
    public const uint Vlan = 1 << 3;

    /// <summary>TCPCS: the checksum of TCP or UDP was checked.</summary>
    public const uint TransportChecked = 1 << 5;

    /// <summary>TCPE, with errors shifted to bits 31:24: that checksum is wrong.</summary>
    public const uint TransportError = 1 << 29;

    /// <summary>IPE: the checksum of the IPv4 header is wrong.</summary>
    public const uint IpError = 1 << 30;

    /// <summary>CE, SE, SEQ, CXE and RXE: the frame is damaged.</summary>
    public const uint FrameErrors = (1u << 24) | (1u << 25) | (1u << 26) | (1u << 28) | (1u << 31);

    /// <summary>Where the VLAN tag is in the second word.</summary>
    public const int VlanShift = 48;
}
