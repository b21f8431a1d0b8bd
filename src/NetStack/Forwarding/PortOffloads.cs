using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What frames ask for against what ports do.</summary>
internal static class PortOffloads
{
    /// <summary>Segmentation of any kind.</summary>
    public const NetFrameFlags Segmentation = NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6 | NetFrameFlags.SegmentUdp4 | NetFrameFlags.SegmentUdp6;

    /// <summary>All that a frame can say to the port that it leaves by.</summary>
    public const NetFrameFlags Transmitted = NetFrameFlags.NeedsChecksum | Segmentation | NetFrameFlags.SegmentEcn | NetFrameFlags.HasVlanTag | NetFrameFlags.ChecksumGood;

    private static readonly (NetOffloads Offload, NetFrameFlags Flag)[] _pairs =
    [
        (NetOffloads.Checksum, NetFrameFlags.NeedsChecksum),
        (NetOffloads.SegmentTcp4, NetFrameFlags.SegmentTcp4),
        (NetOffloads.SegmentTcp6, NetFrameFlags.SegmentTcp6),
        (NetOffloads.SegmentUdp4, NetFrameFlags.SegmentUdp4),
        (NetOffloads.SegmentUdp6, NetFrameFlags.SegmentUdp6),
        (NetOffloads.SegmentEcn, NetFrameFlags.SegmentEcn),
        (NetOffloads.Vlan, NetFrameFlags.HasVlanTag),
    ];

    /// <summary>Work that a port does not do.</summary>
    public static NetFrameFlags Lacking(NetOffloads offloads)
    {
        NetFrameFlags lacking = NetFrameFlags.None;
        foreach ((NetOffloads offload, NetFrameFlags flag) in _pairs)
        {
            lacking |= (offloads & offload) == 0 ? flag : 0;
        }

        return lacking;
    }
}
