namespace Makatea.Platform;

/// <summary>What a PCI function says that it is ([PCI-3.0] 6.2.1).</summary>
/// <param name="Vendor">Vendor ID.</param>
/// <param name="Device">Device ID.</param>
/// <param name="ClassCode">Base class, sub-class and programming interface, in 24 bits: 0x010802 is NVMe, 0x020000 Ethernet.</param>
/// <param name="Revision">Revision ID.</param>
/// <param name="SubsystemVendor">Subsystem vendor ID.</param>
/// <param name="Subsystem">Subsystem ID.</param>
public readonly record struct PciIdentity(ushort Vendor, ushort Device, uint ClassCode, byte Revision, ushort SubsystemVendor, ushort Subsystem)
{
    /// <summary>Reads it from the registers of configuration space that hold it, 32 bits each.</summary>
    /// <param name="id">At <see cref="PciConfig.VendorId"/>.</param>
    /// <param name="code">At <see cref="PciConfig.RevisionId"/>.</param>
    /// <param name="subsystem">At <see cref="PciConfig.SubsystemVendorId"/>; 0 for a bridge, which has none there.</param>
    public static PciIdentity FromConfig(uint id, uint code, uint subsystem) =>
        new((ushort)id, (ushort)(id >> 16), code >> 8, (byte)code, (ushort)subsystem, (ushort)(subsystem >> 16));

    /// <inheritdoc/>
    public override string ToString() => $"{Vendor:x4}:{Device:x4} (class {ClassCode:x6}, revision {Revision:x2})";
}
