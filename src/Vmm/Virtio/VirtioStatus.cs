namespace Makatea.Vmm.Virtio;

/// <summary>Device status ([VIRTIO-1.3] 2.1).</summary>
[Flags]
internal enum VirtioStatus : byte
{
    None = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    NeedsReset = 64,
    Failed = 128,
}
