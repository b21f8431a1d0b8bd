using System.Runtime.CompilerServices;

namespace Makatea.Drivers.E1000;

/// <summary>
/// Transmit descriptors, 16 bytes as two little-endian words ([8254x-SDM] 3.3.6 and 3.3.7, [82574-DS] 7.2.10).
/// </summary>
/// <remarks>
/// <code>
/// context  0  TUCSE 63:48 | TUCSO 47:40 | TUCSS 39:32 | IPCSE 31:16 | IPCSO 15:8 | IPCSS 7:0
///          8  MSS 63:48 | HDRLEN 47:40 | STA 35:32 | TUCMD 31:24 | DTYP 23:20 = 0 | PAYLEN 19:0
/// data     0  address
///          8  VLAN 63:48 | POPTS 47:40 | STA 35:32 | DCMD 31:24 | DTYP 23:20 = 1 | DTALEN 19:0
/// </code>
/// </remarks>
internal static class TransmitDescriptor
{
    public const int Length = 16;

    /// <summary>Where the second word is.</summary>
    public const int Second = 8;

    /// <summary>STA.DD, in the second word: the controller is done with the descriptor.</summary>
    public const ulong Done = 1UL << 32;

    /// <summary>DCMD.EOP, in the second word: the frame ends here.</summary>
    public const ulong EndOfPacket = 1UL << 24;

    /// <summary>DCMD.TSE: the frame is cut into segments.</summary>
    public const ulong Segment = 1UL << 26;

    /// <summary>DCMD.RS: <see cref="Done"/> is to be told.</summary>
    public const ulong ReportStatus = 1UL << 27;

    /// <summary>DCMD.VLE: the VLAN tag is put in.</summary>
    public const ulong InsertVlan = 1UL << 30;

    /// <summary>POPTS.IXSM: the checksum of the IP header is put in.</summary>
    public const ulong InsertIpChecksum = 1UL << 40;

    /// <summary>POPTS.TXSM: the checksum of TCP or UDP is put in.</summary>
    public const ulong InsertChecksum = 1UL << 41;

    /// <summary>Where the VLAN tag is in the second word.</summary>
    public const int VlanShift = 48;

    /// <summary>DEXT, DTYP of a data descriptor, and IFCS: the check sequence is put in.</summary>
    public const ulong Data = (1UL << 29) | (1UL << 20) | (1UL << 25);

    private const ulong Context = 1UL << 29;
    private const ulong ContextTcp = 1UL << 24;
    private const ulong ContextIp4 = 1UL << 25;
    private const ulong ContextSegment = 1UL << 26;
    private const int TcpChecksumOffset = 16;

    /// <summary>First word of a context for a checksum from <paramref name="start"/> to the end of the frame, put at <paramref name="place"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ChecksumContext(int start, int place) => ((ulong)(byte)start << 32) | ((ulong)(byte)place << 40);

    /// <summary>Second word of that context.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ChecksumContextSecond(int offset) => offset == TcpChecksumOffset ? Context | ContextTcp : Context;

    /// <summary>First word of a context for segmentation, with the checksum of the IPv4 header where there is one.</summary>
    public static ulong SegmentContext(in SegmentationHeader header)
    {
        ulong word = ChecksumContext(header.TransportStart, header.TransportStart + TcpChecksumOffset);
        return header.IsIp4
            ? word | (byte)header.NetworkStart | ((ulong)(byte)(header.NetworkStart + 10) << 8) | ((ulong)(header.TransportStart - 1) << 16)
            : word | (byte)header.NetworkStart;
    }

    /// <summary>Second word of that context.</summary>
    public static ulong SegmentContextSecond(in SegmentationHeader header, int payload, ushort segmentSize) =>
        Context | ContextTcp | ContextSegment | (header.IsIp4 ? ContextIp4 : 0) | (uint)payload | ((ulong)(byte)header.Length << 40) | ((ulong)segmentSize << 48);
}
