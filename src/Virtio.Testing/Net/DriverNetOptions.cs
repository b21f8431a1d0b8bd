namespace Makatea.Virtio.Testing;

/// <summary>How <see cref="DriverNetPort"/> drives a device.</summary>
public sealed record DriverNetOptions
{
    /// <summary>Descriptors of each ring: a power of two, 16 to 32,768.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>Features wanted; those that are offered and wanted here are used.</summary>
    public ulong Features { get; init; } = NetDriverFeatures.Port;

    /// <summary>
    /// Protocol features wanted. Where the host makes no channels it is to be without <see cref="VhostUserProtocolFeatures.BackendRequest"/>: a change of the link or the MTU is not heard of then.
    /// </summary>
    public VhostUserProtocolFeatures ProtocolFeatures { get; init; } =
        (VhostUserProtocolFeatures.Offered | VhostUserProtocolFeatures.NetMtu) & ~VhostUserProtocolFeatures.InflightSharedMemory;

    /// <summary>Where the guest's memory starts in its own address space.</summary>
    public ulong MemoryAddress { get; init; } = 0x1000_0000;

    /// <summary>Bytes of memory that a port shares with the device: whole pages.</summary>
    public ulong MemoryLength => (DriverNetQueueOf<SplitDriverRing>.MemoryFor(QueueSize) + 0xfff) & ~0xffful;
}
