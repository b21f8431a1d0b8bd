using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Views;

namespace Makatea.Running;

/// <summary>Looks whether a domain can have a controller of this machine, before anything is done to it.</summary>
internal static class ControllerClaim
{
    private static readonly string?[] _harmlessDrivers = [null, "vfio-pci", "pci-stub"];

    /// <summary>Looks.</summary>
    /// <param name="address">The controller.</param>
    /// <param name="devices">All functions.</param>
    /// <param name="options">What the user allows.</param>
    /// <param name="kind">What it has to be.</param>
    /// <exception cref="IOException">It cannot be had; the message names what is in the way and what to do.</exception>
    public static LinuxPciDevice Check(PciAddress address, IReadOnlyList<LinuxPciDevice> devices, DeviceOptions options, ControllerKind kind)
    {
        LinuxPciDevice[] controllers = [.. devices.Where(d => kind.Fits(d.Identity))];
        LinuxPciDevice device = devices.FirstOrDefault(d => d.Address == address)
            ?? throw new IOException($"this machine has no PCI function {address}; {Others(controllers, kind)}");
        if (!kind.Fits(device.Identity))
        {
            throw new IOException($"{address} is no {kind.Noun} but {Article(PciClassNames.Of(device.Identity.ClassCode))}; {Others(controllers, kind)}");
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

    private static string Others(LinuxPciDevice[] controllers, ControllerKind kind) => controllers.Length == 0
        ? $"it has no {kind.Noun}s at all ('makatea devices' lists what it has)"
        : $"its {kind.Noun}{(controllers.Length == 1 ? " is" : "s are")} {string.Join(", ", controllers.Select(c => c.Address))}";

    private static string Article(string name) => $"{("AEIOU".Contains(name[0], StringComparison.OrdinalIgnoreCase) || name.StartsWith("NV", StringComparison.Ordinal) ? "an" : "a")} {name}";
}
