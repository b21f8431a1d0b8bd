using System.Globalization;

namespace Makatea.Platform.Linux;

/// <summary>What Linux tells of PCI functions in sysfs.</summary>
internal static class SysfsPci
{
    /// <summary>Where it is mounted.</summary>
    internal const string Root = "/sys";

    private const string MadeUpGroup = "vfio-noiommu";

    /// <summary>The folder of a function.</summary>
    internal static string Folder(string root, PciAddress address) => Path.Combine(root, "bus/pci/devices", address.ToString());

    /// <summary>All functions, by address.</summary>
    internal static IReadOnlyList<PciAddress> List(string root) => Addresses(Path.Combine(root, "bus/pci/devices"));

    /// <summary>Number of a function's IOMMU group; null where it has none. A group that VFIO made up, as there is no IOMMU, is none.</summary>
    internal static int? GroupOf(string root, PciAddress address)
    {
        string folder = Path.Combine(Folder(root, address), "iommu_group");
        return int.TryParse(LinkName(folder), CultureInfo.InvariantCulture, out int group) && Read(Path.Combine(folder, "name")) != MadeUpGroup ? group : null;
    }

    /// <summary>The functions of an IOMMU group.</summary>
    internal static IReadOnlyList<PciAddress> InGroup(string root, int group) =>
        Addresses(Path.Combine(root, "kernel/iommu_groups", group.ToString(CultureInfo.InvariantCulture), "devices"));

    /// <summary>Name of the driver that has a function; null where none has.</summary>
    internal static string? DriverOf(string root, PciAddress address) => LinkName(Path.Combine(Folder(root, address), "driver"));

    /// <summary>What VFIO calls a function that is bound to vfio-pci, such as <c>vfio0</c>; null where it has no file of its own for it.</summary>
    internal static string? VfioDeviceOf(string root, PciAddress address)
    {
        string folder = Path.Combine(Folder(root, address), "vfio-dev");
        return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Where(d => File.Exists(Path.Combine(d, "dev"))).Select(Path.GetFileName).FirstOrDefault() : null;
    }

    /// <summary>Functions of a group and who has them, for messages.</summary>
    internal static IEnumerable<string> DriversInGroup(string root, int group) =>
        InGroup(root, group).Select(a => $"{a} ({DriverOf(root, a) ?? "no driver"})");

    /// <summary>Reads a small file.</summary>
    /// <returns>Its text without the end of line; null where it is not there or cannot be read.</returns>
    internal static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Reads a hexadecimal number such as <c>0x8086</c>; 0 where there is none.</summary>
    internal static uint ReadHex(string path) =>
        Read(path) is { Length: > 2 } text && uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value) ? value : 0;

    /// <summary>The last part of what a link points to.</summary>
    internal static string? LinkName(string path)
    {
        try
        {
            return Path.GetFileName(new FileInfo(path).LinkTarget);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The functions that entries of a folder are named after, in order; none where there is no such folder.</summary>
    private static List<PciAddress> Addresses(string folder)
    {
        List<PciAddress> found = [];
        foreach (string? name in Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName) : [])
        {
            if (PciAddress.TryParse(name, out PciAddress address))
            {
                found.Add(address);
            }
        }

        found.Sort();
        return found;
    }
}
