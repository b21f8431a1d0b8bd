using System.Globalization;
using System.Text.Json.Serialization;
using Makatea.Platform.Linux;
using Makatea.Systems;

namespace Makatea.Views;

/// <summary>A PCI function, as <c>makatea devices</c> shows it.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Name">Name of its class.</param>
/// <param name="ClassCode">Class code, six hexadecimal digits.</param>
/// <param name="Id">Vendor and device ID, <c>8086:10d3</c>.</param>
/// <param name="Driver">The driver that has it.</param>
/// <param name="IommuGroup">Its IOMMU group.</param>
/// <param name="Iommu">The IOMMU unit before it.</param>
/// <param name="GroupType">What the kernel does with the group's DMA.</param>
/// <param name="Companions">Who else is in the group.</param>
/// <param name="IsProtected">A domain that is given it reaches no more than what is granted.</param>
/// <param name="Protection">What keeps it, in words.</param>
/// <param name="Interface">The kernel's interface through which a domain would get it: <c>iommufd</c>, <c>container</c>, or null where there is none or it is not known yet.</param>
/// <param name="Uses">What it serves that would be lost if it were taken.</param>
internal sealed record DeviceReport(
    string Address, string Name, string ClassCode, string Id, string? Driver, int? IommuGroup, string? Iommu, string? GroupType,
    IReadOnlyList<string> Companions, bool IsProtected, string Protection, string? Interface, IReadOnlyList<string> Uses)
{
    /// <summary>Reports on a function.</summary>
    public static DeviceReport Of(LinuxPciDevice device) => new(
        device.Address.ToString(),
        PciClassNames.Of(device.Identity.ClassCode),
        device.Identity.ClassCode.ToString("x6", CultureInfo.InvariantCulture),
        $"{device.Identity.Vendor:x4}:{device.Identity.Device:x4}",
        device.Driver,
        device.IommuGroup,
        device.Iommu,
        device.GroupType,
        [.. device.Companions.Select(c => c.ToString())],
        device.IsIsolated,
        Protect(device),
        device.Interface == VfioInterface.None ? null : device.Interface.ToString().ToLowerInvariant(),
        device.Uses);

    /// <summary>What the machine as a whole offers, in a sentence.</summary>
    public static string Summarize(IReadOnlyList<DeviceReport> devices)
    {
        string[] units = [.. devices.Where(d => d.IsProtected).Select(d => Kind(d.Iommu)).Distinct().Order()];
        return devices.Count == 0 ? "this machine has no PCI functions"
            : units.Length == 0 ? "no IOMMU is on: a function that is given to a domain would reach all memory; switch it on in the firmware and on the kernel's command line (intel_iommu=on or amd_iommu=on)"
            : $"{string.Join(" and ", units)} keeps {devices.Count(d => d.IsProtected)} of {Phrase.Count(devices.Count, "function")} to what is granted";
    }

    private static string Protect(LinuxPciDevice device)
    {
        if (!device.IsIsolated)
        {
            return "nothing";
        }

        string together = device.Companions.Count == 0 ? "" : $", only with {string.Join(" and ", device.Companions)}";
        string through = device.Interface == VfioInterface.None ? "" : $", {device.Interface.InWords()}";
        return $"{Kind(device.Iommu)}{through}{together}{(device.GroupType == "identity" && !device.IsVfio ? "; not from its present driver" : "")}";
    }

    private static string Kind(string? unit) => unit switch
    {
        null => "an IOMMU",
        _ when unit.StartsWith("dmar", StringComparison.Ordinal) => "VT-d",
        _ when unit.StartsWith("ivhd", StringComparison.Ordinal) => "AMD-Vi",
        _ => unit,
    };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(IReadOnlyList<DeviceReport>))]
internal sealed partial class DeviceReportJson : JsonSerializerContext;
