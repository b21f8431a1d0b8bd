namespace Makatea.Platform;

/// <summary>What a port is and does.</summary>
public sealed record NetPortInfo
{
    /// <summary>Its address.</summary>
    public required MacAddress Address { get; init; }

    /// <summary>Largest payload of a frame in bytes, without the Ethernet header: 1500 for Ethernet.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Number of queue pairs.</summary>
    public int QueueCount { get; init; } = 1;

    /// <summary>Frames can be sent and received. Those given to <see cref="NetQueue.Transmit"/> while it is down are dropped.</summary>
    public bool IsLinkUp { get; init; }

    /// <summary>The adapter was taken away or no longer answers: the port carries nothing any more and is to be disposed.</summary>
    public bool IsGone { get; init; }

    /// <summary>Speed of the link in Mbit/s, 0 where it is not known.</summary>
    public int LinkSpeed { get; init; }

    /// <summary>What the port does to frames that are transmitted, when a frame asks for it.</summary>
    public NetOffloads Transmit { get; init; }

    /// <summary>What the port says of frames that it received.</summary>
    public NetOffloads Receive { get; init; }

    /// <summary>Most segments that a transmitted frame may have.</summary>
    public int MaxSegments { get; init; } = 1;

    /// <summary>Longest frame to be segmented by the port in bytes, 0 where it does not segment.</summary>
    public int MaxSegmentedLength { get; init; }
}

/// <summary>Work that a port can do on frames.</summary>
[Flags]
public enum NetOffloads
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>
    /// Transmit: a ones' complement checksum from <see cref="NetFrameOffload.ChecksumStart"/> to the end, put into a place, both within the first 255 bytes of the frame.
    /// Receive: IP, TCP and UDP checksums are checked.
    /// </summary>
    Checksum = 1 << 0,

    /// <summary>TCP over IPv4 is cut into segments.</summary>
    SegmentTcp4 = 1 << 1,

    /// <summary>TCP over IPv6 is cut into segments.</summary>
    SegmentTcp6 = 1 << 2,

    /// <summary>VLAN tags are put in and taken out.</summary>
    Vlan = 1 << 3,

    /// <summary>UDP over IPv4 is cut into datagrams.</summary>
    SegmentUdp4 = 1 << 4,

    /// <summary>UDP over IPv6 is cut into datagrams.</summary>
    SegmentUdp6 = 1 << 5,

    /// <summary>Segmentation of TCP heeds <see cref="NetFrameFlags.SegmentEcn"/>.</summary>
    SegmentEcn = 1 << 6,
}
