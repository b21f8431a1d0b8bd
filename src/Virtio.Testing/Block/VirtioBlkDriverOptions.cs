namespace Makatea.Virtio.Testing;

/// <summary>How <see cref="VirtioBlkDriver"/> drives a device.</summary>
public sealed record VirtioBlkDriverOptions
{
    /// <summary>Number of queues to use; the device has at least as many.</summary>
    public int QueueCount { get; init; } = 1;

    /// <summary>Descriptors of each queue.</summary>
    public ushort QueueSize { get; init; } = 128;

    /// <summary>Features wanted; packed rings, event index, indirect descriptors and in-order use where offered and wanted here.</summary>
    public ulong Features { get; init; } = BlkFeatures.All | VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors;

    /// <summary>Protocol features wanted.</summary>
    public VhostUserProtocolFeatures ProtocolFeatures { get; init; } = VhostUserProtocolFeatures.Offered;

    /// <summary>Most segments of an indirect table where indirect descriptors were negotiated; 0 chains in the ring all the same.</summary>
    public int MaxIndirectSegments { get; init; } = 16;

    /// <summary>Memory of the test guest; everything but <see cref="Scratch"/> allocations comes from the first range.</summary>
    public IReadOnlyList<GuestRange> Memory { get; init; } = [new GuestRange(0x1000_0000, 16 << 20)];

    /// <summary>Length in bytes of the buffer that the synchronous helpers use.</summary>
    public int Scratch { get; init; } = 1 << 20;

    /// <summary>How long the synchronous helpers wait.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Sleeps until the device notifies; otherwise the device is told not to (in the ring), and the driver polls.</summary>
    public bool UseCalls { get; init; } = true;
}
