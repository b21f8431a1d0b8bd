namespace Makatea.Platform.Linux;

/// <summary>A PCI function as Linux has it.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Identity">What it says that it is.</param>
/// <param name="Driver">The driver that has it, or null.</param>
/// <param name="IommuGroup">Number of its IOMMU group; null where no IOMMU stands before it.</param>
/// <param name="Iommu">Name of the IOMMU unit, such as <c>dmar0</c> (VT-d) or <c>ivhd0</c> (AMD-Vi).</param>
/// <param name="GroupType">What the kernel does with the group: <c>DMA</c> and <c>DMA-FQ</c> translate, <c>identity</c> lets everything through.</param>
/// <param name="Companions">Other functions of its group that are no bridges: who drives it has to have them too.</param>
/// <param name="Uses">What it serves that would be lost if it were taken.</param>
/// <param name="Interface">The kernel's interface through which a domain gets it; none where it is in no group, or where the module vfio-pci is not loaded.</param>
public sealed record LinuxPciDevice(
    PciAddress Address, PciIdentity Identity, string? Driver, int? IommuGroup, string? Iommu, string? GroupType, IReadOnlyList<PciAddress> Companions, IReadOnlyList<string> Uses,
    VfioInterface Interface = VfioInterface.None)
{
    private const string Vfio = "vfio-pci";
    private const uint BridgeClass = 0x06;

    /// <summary>An IOMMU can keep it to what is granted: it is in a group.</summary>
    public bool IsIsolated => IommuGroup is not null;

    /// <summary>It is bound to vfio-pci.</summary>
    public bool IsVfio => Driver == Vfio;

    /// <summary>All functions, by address.</summary>
    public static IReadOnlyList<LinuxPciDevice> List() => List(SysfsPci.Root, "/proc");

    /// <summary>As <see cref="List()"/>, with sysfs and proc elsewhere.</summary>
    internal static IReadOnlyList<LinuxPciDevice> List(string root, string proc) => [.. SysfsPci.List(root).Select(a => Read(root, proc, a))];

    private static LinuxPciDevice Read(string root, string proc, PciAddress address)
    {
        string folder = SysfsPci.Folder(root, address);
        int? group = SysfsPci.GroupOf(root, address);
        return new(
            address,
            IdentityOf(folder),
            SysfsPci.DriverOf(root, address),
            group,
            SysfsPci.LinkName(Path.Combine(folder, "iommu")),
            group is { } number ? SysfsPci.Read(Path.Combine(root, $"kernel/iommu_groups/{number}/type")) : null,
            group is { } g ? [.. SysfsPci.InGroup(root, g).Where(a => a != address && IdentityOf(SysfsPci.Folder(root, a)).ClassCode >> 16 != BridgeClass)] : [],
            PciUse.Of(root, proc, address),
            group is null ? VfioInterface.None : VfioInterfaces.Preferred(proc));
    }

    private static PciIdentity IdentityOf(string folder)
    {
        uint Hex(string file) => SysfsPci.ReadHex(Path.Combine(folder, file));
        return new((ushort)Hex("vendor"), (ushort)Hex("device"), Hex("class"), (byte)Hex("revision"), (ushort)Hex("subsystem_vendor"), (ushort)Hex("subsystem_device"));
    }
}
