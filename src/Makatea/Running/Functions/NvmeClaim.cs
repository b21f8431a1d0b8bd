using Makatea.Drivers.Nvme;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Views;

namespace Makatea.Running;

/// <summary>Looks whether a domain can have a controller of this machine, before anything is done to it.</summary>
internal static class NvmeClaim
{
    private static readonly string?[] _harmlessDrivers = [null, "vfio-pci", "pci-stub"];

    /// <summary>Looks.</summary>
    /// <param name="address">The controller.</param>
    /// <param name="devices">All functions.</param>
    /// <param name="options">What the user allows.</param>
    /// <exception cref="IOException">It cannot be had; the message names what is in the way and what to do.</exception>
    public static LinuxPciDevice Check(PciAddress address, IReadOnlyList<LinuxPciDevice> devices, DeviceOptions options)
    {
        LinuxPciDevice[] controllers = [.. devices.Where(d => d.Identity.ClassCode == NvmeController.ClassCode)];
        LinuxPciDevice device = devices.FirstOrDefault(d => d.Address == address)
            ?? throw new IOException($"this machine has no PCI function {address}; {Others(controllers)}");
        if (device.Identity.ClassCode != NvmeController.ClassCode)
        {
            throw new IOException($"{address} is no NVMe controller but {Article(PciClassNames.Of(device.Identity.ClassCode))}; {Others(controllers)}");
        }

        if (!device.IsIsolated && !options.AllowUnprotected)
        {
            throw new IOException(
                $"{address} is in no IOMMU group: nothing would keep the device, and so the domain that drives it, from all memory of this machine. Switch the IOMMU on " +
                $"(in the firmware, and intel_iommu=on or amd_iommu=on on the kernel's command line), or go on without: {options.Command} --allow-unprotected");
        }

        if (device.Uses.Count > 0)
        {
            throw new IOException($"{address} is in use: {string.Join(", ", device.Uses)}; end that first");
        }

        if (devices.FirstOrDefault(d => device.Companions.Contains(d.Address) && !_harmlessDrivers.Contains(d.Driver)) is { } companion)
        {
            throw new IOException(
                $"{address} shares IOMMU group {device.IommuGroup} with {companion.Address} ({PciClassNames.Of(companion.Identity.ClassCode)}), which is {companion.Driver}'s: the IOMMU cannot " +
                $"keep the two from each other. Take that from its driver first: echo {companion.Address} > /sys/bus/pci/drivers/{companion.Driver}/unbind");
        }

        // Without an IOMMU there is no VFIO: it is enough that no driver has it.
        string? wanted = device.IsIsolated ? "vfio-pci" : null;
        return device.Driver == wanted || options.Bind
            ? device
            : throw new IOException(
                $"{address} {(device.Driver is null ? "is not bound to vfio-pci" : $"is {device.Driver}'s")}; to take it for as long as the system runs: {options.Command} --bind");
    }

    private static string Others(LinuxPciDevice[] controllers) => controllers.Length == 0
        ? "it has no NVMe controllers at all ('makatea devices' lists what it has)"
        : $"its NVMe {(controllers.Length == 1 ? "controller is" : "controllers are")} {string.Join(", ", controllers.Select(c => c.Address))}";

    private static string Article(string name) => $"{("AEIOU".Contains(name[0], StringComparison.OrdinalIgnoreCase) ? "an" : "a")} {name}";
}
