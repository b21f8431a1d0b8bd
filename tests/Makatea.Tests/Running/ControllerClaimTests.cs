using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Running;

namespace Makatea.Tests.Running;

/// <summary>Which controllers a domain gets, and what it is told where it gets none.</summary>
public class ControllerClaimTests
{
    private static readonly LinuxPciDevice _disk =
        new(new PciAddress(0, 1, 0, 0), new PciIdentity(0x1b36, 0x0010, 0x010802, 2, 0, 0), "nvme", 7, "dmar0", "DMA", [], []);

    private static readonly LinuxPciDevice _audio = _disk with { Address = new(0, 1, 0, 1), Identity = new(0x8086, 0x2668, 0x040300, 1, 0, 0), Driver = "snd_hda_intel" };
    private static readonly DeviceOptions _bind = new(Bind: true, AllowUnprotected: false, "makatea up sys.yaml");

    [Theory]
    [InlineData("nvme", true)]
    [InlineData(null, true)]
    [InlineData("vfio-pci", true)]
    [InlineData("vfio-pci", false)]
    public void Found_fit(string? driver, bool bind) =>
        Assert.Equal(_disk.Address, ControllerClaim.Check(_disk.Address, [_disk with { Driver = driver }], _bind with { Bind = bind }, ControllerKind.Nvme).Address);

    [Theory]
    [InlineData("nvme", "0000:01:00.0 is nvme's; to take it for as long as the system runs: makatea up sys.yaml --bind")]
    [InlineData(null, "0000:01:00.0 is not bound to vfio-pci; to take it for as long as the system runs: makatea up sys.yaml --bind")]
    public void It_is_not_taken_from_its_driver_unasked(string? driver, string expected) =>
        Assert.Equal(expected, Refusal(_bind with { Bind = false }, _disk with { Driver = driver }));

    [Fact]
    public void What_is_not_there_is_answered_with_what_is()
    {
        Assert.Equal("this machine has no PCI function 0000:01:00.0; it has no NVMe controllers at all ('makatea devices' lists what it has)", Refusal(_bind));
        LinuxPciDevice other = _disk with { Address = new(0, 2, 0, 0) };
        Assert.EndsWith("; its NVMe controller is 0000:02:00.0", Refusal(_bind, other), StringComparison.Ordinal);
        Assert.EndsWith("; its NVMe controllers are 0000:02:00.0, 0000:03:00.0", Refusal(_bind, other, _disk with { Address = new(0, 3, 0, 0) }), StringComparison.Ordinal);
    }

    [Fact]
    public void Adapters_are_claimed_as_controllers_are()
    {
        LinuxPciDevice adapter = _disk with { Identity = new(0x8086, 0x10d3, 0x020000, 0, 0, 0), Driver = "vfio-pci" };
        Assert.Same(adapter, ControllerClaim.Check(adapter.Address, [adapter], _bind, ControllerKind.Adapter));
        Assert.Equal(
            "0000:01:00.0 is no 82574L or 82540EM adapter but an NVMe controller; it has no 82574L or 82540EM adapters at all ('makatea devices' lists what it has)",
            Assert.Throws<IOException>(() => ControllerClaim.Check(_disk.Address, [_disk], _bind, ControllerKind.Adapter)).Message);
    }

    [Fact]
    public void Another_kind_of_device_is_refused() =>
        Assert.StartsWith("0000:01:00.0 is no NVMe controller but an Ethernet controller; it has no", Refusal(_bind, _disk with { Identity = new(0x8086, 0x10d3, 0x020000, 0, 0, 0) }), StringComparison.Ordinal);

    [Fact]
    public void Nothing_is_taken_that_is_in_use() =>
        Assert.Equal(
            "0000:01:00.0 is in use: nvme0n1p1 is mounted on /, nvme0n1p2 is swapped to; end that first",
            Refusal(_bind, _disk with { Uses = ["nvme0n1p1 is mounted on /", "nvme0n1p2 is swapped to"] }));

    [Fact]
    public void Nothing_is_taken_that_the_IOMMU_cannot_keep_from_a_drivers_function()
    {
        LinuxPciDevice disk = _disk with { Companions = [_audio.Address] };
        string refusal = Refusal(_bind, disk, _audio with { Companions = [disk.Address] });
        Assert.Contains("0000:01:00.0 shares IOMMU group 7 with 0000:01:00.1 (HD audio device), which is snd_hda_intel's", refusal, StringComparison.Ordinal);
        Assert.EndsWith("echo 0000:01:00.1 > /sys/bus/pci/drivers/snd_hda_intel/unbind", refusal, StringComparison.Ordinal);

        // Without a driver it does nothing.
        Assert.Same(disk, ControllerClaim.Check(disk.Address, [disk, _audio with { Driver = null }], _bind, ControllerKind.Nvme));
    }

    [Fact]
    public void Without_an_IOMMU_it_is_refused_unless_that_is_allowed()
    {
        LinuxPciDevice bare = _disk with { IommuGroup = null, Iommu = null, GroupType = null };
        string refusal = Refusal(_bind, bare);
        Assert.StartsWith("0000:01:00.0 is in no IOMMU group: nothing would keep the device, and so the domain that drives it, from all memory", refusal, StringComparison.Ordinal);
        Assert.EndsWith("makatea up sys.yaml --allow-unprotected", refusal, StringComparison.Ordinal);
        DeviceOptions allowed = _bind with { AllowUnprotected = true };
        Assert.Same(bare, ControllerClaim.Check(bare.Address, [bare], allowed, ControllerKind.Nvme));

        // VFIO hands nothing out there: it is free when it has no driver.
        LinuxPciDevice free = bare with { Driver = null };
        Assert.Same(free, ControllerClaim.Check(bare.Address, [free], allowed with { Bind = false }, ControllerKind.Nvme));
        Assert.Contains("is nvme's; to take it", Refusal(allowed with { Bind = false }, bare), StringComparison.Ordinal);
    }

    private static string Refusal(DeviceOptions options, params LinuxPciDevice[] devices) =>
        Assert.Throws<IOException>(() => ControllerClaim.Check(_disk.Address, devices, options, ControllerKind.Nvme)).Message;
}
