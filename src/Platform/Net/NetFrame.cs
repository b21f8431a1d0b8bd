using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>A frame to transmit. Unless the queue copies, its memory belongs to the port from <see cref="NetQueue.Transmit"/> until <see cref="NetQueue.Reclaim"/> gives its tag back.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NetFrame
{
    /// <summary>The frame from its Ethernet header on, without the check sequence.</summary>
    public ScatterList Data;

    /// <summary>Length in bytes: the sum of the segments. Short frames are padded by the port.</summary>
    public int Length;

    /// <summary>Any number of the caller's, such as an index; given back when the frame's memory is the caller's again.</summary>
    public int Tag;

    /// <summary>What the port is to do.</summary>
    public NetFrameOffload Offload;
}

/// <summary>A frame that was received, or a part of one that did not fit one buffer.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NetReceived
{
    /// <summary>Tag of the buffer, which is the caller's again.</summary>
    public int Tag;

    /// <summary>Bytes of the buffer that are filled; never more than it has.</summary>
    public int Length;

    /// <summary>More of the frame follows in the next buffer, perhaps only in the next batch. All parts but the last fill their buffers.</summary>
    public bool IsContinued;

    /// <summary>What the port found out; valid in the last part.</summary>
    public NetFrameOffload Offload;
}

/// <summary>An empty buffer for received frames. It belongs to the port from <see cref="NetQueue.Supply"/> until <see cref="NetQueue.Receive"/> gives its tag back.</summary>
/// <param name="Memory">The memory, as long as <see cref="NetQueueOptions.ReceiveBufferLength"/>.</param>
/// <param name="Tag">Any number of the caller's, such as an index; given back with the frame.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct NetBuffer(MemorySegment Memory, int Tag);

/// <summary>Work on a frame that is left to the port, or was done by it.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NetFrameOffload
{
    /// <summary>What is asked for or known.</summary>
    public NetFrameFlags Flags;

    /// <summary>First byte that the checksum covers, from the start of the frame. With segmentation: the transport header.</summary>
    public ushort ChecksumStart;

    /// <summary>
    /// Where the checksum is, from <see cref="ChecksumStart"/>. The field holds the sum of the pseudo header. With segmentation it does not matter what it holds, nor what
    /// the lengths and the header checksum of IP hold: the port works all of them out.
    /// </summary>
    public ushort ChecksumOffset;

    /// <summary>Most payload of each segment in bytes.</summary>
    public ushort SegmentSize;

    /// <summary>Length of all headers, from the start of the frame, which each segment gets a copy of.</summary>
    public ushort HeaderLength;

    /// <summary>VLAN tag: priority, drop eligibility and identifier.</summary>
    public ushort VlanTag;
}

/// <summary>Flags of a frame.</summary>
[Flags]
public enum NetFrameFlags : ushort
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>
    /// Transmit: put the checksum in. Receive, from a sender on this machine: the data never were on a wire and the checksum was left out; whoever sends the frame on puts it in.
    /// </summary>
    NeedsChecksum = 1 << 0,

    /// <summary>
    /// Receive: the transport checksum (and that of the IPv4 header) was checked and is right. Transmit: a port to somebody on this machine may pass that on; others take no notice.
    /// </summary>
    ChecksumGood = 1 << 1,

    /// <summary>Receive: a checksum was checked and is wrong.</summary>
    ChecksumBad = 1 << 2,

    /// <summary>Transmit: cut TCP over IPv4 into segments. Receive, as all of segmentation, from a sender on this machine: cutting was left to whoever sends the frame on.</summary>
    SegmentTcp4 = 1 << 3,

    /// <summary>Transmit: cut TCP over IPv6 into segments.</summary>
    SegmentTcp6 = 1 << 4,

    /// <summary>Transmit: put <see cref="NetFrameOffload.VlanTag"/> in. Receive: it was taken out.</summary>
    HasVlanTag = 1 << 5,

    /// <summary>Receive, in the last part: the frame is damaged or its rest was lost; its parts are to be thrown away.</summary>
    Discarded = 1 << 6,

    /// <summary>Transmit: cut UDP over IPv4 into datagrams of their own (not fragments).</summary>
    SegmentUdp4 = 1 << 7,

    /// <summary>Transmit: cut UDP over IPv6 into datagrams of their own.</summary>
    SegmentUdp6 = 1 << 8,

    /// <summary>With segmentation of TCP: the congestion window was reduced (CWR), which the first segment alone says ([RFC 3168] 6.1.2).</summary>
    SegmentEcn = 1 << 9,
}
