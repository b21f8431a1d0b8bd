using Makatea.Virtio.Net;

namespace Makatea.Virtio.Testing;

/// <summary>Feature bits of virtio-net as masks ([VIRTIO-1.3] 5.1.3).</summary>
public static class NetDriverFeatures
{
    /// <summary>Checksums are left to the device.</summary>
    public const ulong Checksum = NetFeatures.Checksum;

    /// <summary>Checksums are left to the driver.</summary>
    public const ulong GuestChecksum = NetFeatures.GuestChecksum;

    /// <summary>Checksums and segmentation, both ways.</summary>
    public const ulong Offloads = NetFeatures.HostOffloads | NetFeatures.GuestOffloads;

    /// <summary>A frame may fill several receive buffers.</summary>
    public const ulong MergeableBuffers = NetFeatures.MergeableBuffers;

    /// <summary>There is a control virtqueue, and all commands that the device offers.</summary>
    public const ulong Control = NetFeatures.Control;

    /// <summary>Several pairs of queues.</summary>
    public const ulong MultiQueue = NetFeatures.MultiQueue;

    /// <summary>The driver says which queue a hash goes to.</summary>
    public const ulong Rss = NetFeatures.Rss;

    /// <summary>Received frames come with their hash.</summary>
    public const ulong HashReport = NetFeatures.HashReport;

    /// <summary>The device says its address, its MTU, its link and its speed.</summary>
    public const ulong Information = NetFeatures.Mac | NetFeatures.Mtu | NetFeatures.Status | NetFeatures.SpeedDuplex;

    /// <summary>What <see cref="DriverNetPort"/> can use with one pair of queues.</summary>
    public const ulong Port = Offloads | MergeableBuffers | Information | VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors;
}
