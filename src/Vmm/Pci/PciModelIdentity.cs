namespace Makatea.Vmm.Pci;

/// <summary>What a function says that it is.</summary>
/// <param name="Vendor">Vendor ID.</param>
/// <param name="Device">Device ID.</param>
/// <param name="Class">Class code, 24 bits.</param>
/// <param name="Revision">Revision ID.</param>
/// <param name="SubsystemVendor">Vendor ID of the subsystem.</param>
/// <param name="Subsystem">ID of the subsystem.</param>
public sealed record PciModelIdentity(ushort Vendor, ushort Device, uint Class, byte Revision = 0, ushort SubsystemVendor = 0, ushort Subsystem = 0);
