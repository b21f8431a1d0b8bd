namespace Makatea.Platform.Linux.Tests;

/// <summary>What Linux tells of functions, and what keeps them from being taken.</summary>
public sealed class LinuxPciDeviceTests : IDisposable
{
    private readonly FakeSysfs _sysfs = new();

    [Fact]
    public void Reads_functions_groups_and_drivers()
    {
        _sysfs.Add("0000:01:00.0", 0x1b36, 0x0010, 0x010802, "nvme", 7);
        _sysfs.Add("0000:00:1f.2", 0x8086, 0x2922, 0x010601, "ahci", 3);
        _sysfs.Add("0000:00:1f.0", 0x8086, 0x2918, 0x060100, null, 3);
        _sysfs.Add("0000:00:1f.3", 0x8086, 0x2930, 0x0c0500, null, 3);
        _sysfs.Add("0000:00:05.0", 0x8086, 0x10d3, 0x020000, "vfio-pci");
        IReadOnlyList<LinuxPciDevice> found = LinuxPciDevice.List(_sysfs.Root, _sysfs.Proc);
        Assert.Equal(["0000:00:05.0", "0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3", "0000:01:00.0"], found.Select(d => d.Address.ToString()));

        LinuxPciDevice nvme = found[4];
        Assert.Equal(new PciIdentity(0x1b36, 0x10, 0x010802, 2, 0x1af4, 0x1100), nvme.Identity);
        Assert.Equal(("nvme", 7, "dmar0", "DMA"), (nvme.Driver, nvme.IommuGroup, nvme.Iommu, nvme.GroupType));
        Assert.Empty(nvme.Companions);
        Assert.True(nvme.IsIsolated);
        Assert.False(nvme.IsVfio);

        // The bridge in the group has no driver that could do harm; the SMBus controller counts.
        Assert.Equal("0000:00:1f.3", Assert.Single(found[2].Companions).ToString());
        Assert.False(found[0].IsIsolated);
        Assert.True(found[0].IsVfio);
        Assert.Null(found[1].Driver);
    }

    [Fact]
    public void A_group_that_VFIO_made_up_protects_nothing()
    {
        _sysfs.Add("0000:00:05.0", 0x8086, 0x10d3, 0x020000, "vfio-pci", 0, "unknown");
        File.WriteAllText(Path.Combine(_sysfs.Root, "kernel/iommu_groups/0/name"), "vfio-noiommu\n");
        LinuxPciDevice device = Assert.Single(LinuxPciDevice.List(_sysfs.Root, _sysfs.Proc));
        Assert.Equal((false, null, null), (device.IsIsolated, device.IommuGroup, device.GroupType));
    }

    [Theory]
    [InlineData("", "  1 mem\n", VfioInterface.None)]
    [InlineData("196 vfio\n", "  1 mem\n511 vfio\n", VfioInterface.Container)]
    [InlineData("123 iommu\n196 vfio\n", "  1 mem\n511 vfio\n", VfioInterface.Container)] // no files of devices: Linux before 6.6
    [InlineData("123 iommu\n196 vfio\n", "510 vfio-dev\n511 vfio\n", VfioInterface.Iommufd)]
    [InlineData(" 99 iommu\n", "510 vfio-dev\n", VfioInterface.Iommufd)]
    [InlineData("196 vfio\n", "510 vfio-dev\n511 vfio\n", VfioInterface.Container)] // iommufd is not loaded
    public void Tells_the_interface_through_which_a_domain_gets_one(string misc, string devices, VfioInterface expected)
    {
        _sysfs.Add("0000:01:00.0", 0x1b36, 0x0010, 0x010802, "nvme", 7);
        _sysfs.Add("0000:02:00.0", 0x1b36, 0x0010, 0x010802, "nvme");
        _sysfs.WriteProc("misc", misc);
        _sysfs.WriteProc("devices", "Character devices:\n" + devices + "\nBlock devices:\n259 blkext\n");
        Assert.Equal([expected, VfioInterface.None], LinuxPciDevice.List(_sysfs.Root, _sysfs.Proc).Select(d => d.Interface));
    }

    [Fact]
    public void An_empty_machine_has_none() => Assert.Empty(LinuxPciDevice.List(Path.Combine(_sysfs.Root, "nowhere"), _sysfs.Proc));

    [Fact]
    public void Sees_what_is_in_use()
    {
        _sysfs.Add("0000:01:00.0", 0x1b36, 0x0010, 0x010802, "nvme", 7);
        _sysfs.Add("0000:01:00.1", 0x1b36, 0x0010, 0x010802, "nvme", 8);
        _sysfs.AddDisk("0000:01:00.0", "nvme0n1", "259:0");
        Assert.Empty(Uses("0000:01:00.0"));
        _sysfs.WriteProc("self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 259:0 / /mnt rw,relatime - ext4 /dev/nvme0n1 rw\n");
        _sysfs.WriteProc("swaps", "Filename Type Size Used Priority\n/dev/nvme0n1\tpartition 1 0 -2\n");
        Directory.CreateDirectory(Path.Combine(_sysfs.Root, "class/block/nvme0n1/holders/dm-0"));
        Assert.Equal(["nvme0n1 is mounted on /mnt", "nvme0n1 is swapped to", "nvme0n1 is held by dm-0"], Uses("0000:01:00.0"));
        Assert.Empty(Uses("0000:01:00.1"));
    }

    [Fact]
    public void Sees_interfaces_that_are_up()
    {
        _sysfs.Add("0000:00:05.0", 0x8086, 0x10d3, 0x020000, "e1000e", 1);
        _sysfs.AddInterface("0000:00:05.0", "eth0", isUp: true);
        _sysfs.AddInterface("0000:00:05.0", "eth1", isUp: false);
        Assert.Equal(["interface eth0 is up"], Uses("0000:00:05.0"));
    }

    public void Dispose() => _sysfs.Dispose();

    private static PciAddress At(string text) => PciAddress.TryParse(text, out PciAddress address) ? address : throw new ArgumentException(text);

    private IReadOnlyList<string> Uses(string address) => LinuxPciDevice.List(_sysfs.Root, _sysfs.Proc).Single(d => d.Address == At(address)).Uses;
}
