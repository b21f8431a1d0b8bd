namespace Makatea.Virtio.Testing;

/// <summary>How <see cref="DriverNetPort"/> drives a device.</summary>
public sealed record DriverNetOptions
{
    /// <summary>Descriptors of each ring: a power of two, 16 to 32,768.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>Features wanted; those that are offered and wanted here are used.</summary>
    public ulong Features { get; init; } = NetDriverFeatures.Port;

    /// <summary>Where the guest's memory starts in its own address space.</summary>
    public ulong MemoryAddress { get; init; } = 0x1000_0000;
}
