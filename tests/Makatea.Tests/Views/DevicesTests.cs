using System.Text.Json.Nodes;
using Makatea.Commands;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Tests.Cli;
using Makatea.Views;

namespace Makatea.Tests.Views;

public class DevicesTests
{
    private static readonly LinuxPciDevice _disk = Device(0x010802, 0x1b36, 0x0010) with { Driver = "nvme", IommuGroup = 7, Iommu = "dmar0", GroupType = "DMA" };

    [Fact]
    public void The_machine_itself_is_shown()
    {
        (int exit, string output, string error) = ApplicationTests.Run("devices");
        Assert.Equal((0, ""), (exit, error));
        Assert.Contains(LinuxPciDevice.List().Count == 0 ? "this machine has no PCI functions" : LinuxPciDevice.List()[0].Address.ToString(), output, StringComparison.Ordinal);
        Assert.Equal(LinuxPciDevice.List().Count, JsonNode.Parse(ApplicationTests.Run("devices", "--json").Output)!.AsArray().Count);
    }

    [Fact]
    public void It_says_how_to_give_back_what_a_killed_manager_left()
    {
        Assert.Contains("'makatea devices --give-back 0000:01:00.0'", Print(_disk with { Driver = "vfio-pci" }), StringComparison.Ordinal);
        Assert.DoesNotContain("--give-back", Print(_disk), StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_without_PCI_says_so()
    {
        using var output = new StringWriter();
        DevicesCommand.Print([], json: false, output);
        Assert.Equal("this machine has no PCI functions" + Environment.NewLine, output.ToString());
        using var json = new StringWriter();
        DevicesCommand.Print([], json: true, json);
        Assert.Equal("[]", json.ToString().Trim());
    }

    [Fact]
    public void Its_help_says_what_is_shown()
    {
        string help = ApplicationTests.Run("devices", "--help").Output;
        Assert.All(["--json", "IOMMU groups", "protected by", "in use"], part => Assert.Contains(part, help, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1f.0", "found --give-back=1f.0, expected a PCI address")]
    [InlineData("00ff:01:00.0", "there is no function 00ff:01:00.0")]
    public void What_is_not_there_is_not_given_back(string address, string expected)
    {
        (int exit, string output, string error) = ApplicationTests.Run("devices", "--give-back", address);
        Assert.NotEqual(0, exit);
        Assert.Equal("", output);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_is_told_with_what_protects_it()
    {
        string output = Print(_disk with { Uses = ["nvme0n1 is mounted on /"] });
        foreach (string part in new[] { "0000:01:00.0", "NVMe controller", "1b36:0010", "nvme", "7", "VT-d", "nvme0n1 is mounted on /", "VT-d keeps 1 of 1 function to what is granted" })
        {
            Assert.Contains(part, output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("dmar0", "DMA-FQ", "nvme", "VT-d")]
    [InlineData("ivhd0", "DMA", null, "AMD-Vi")]
    [InlineData(null, "DMA", null, "an IOMMU")]
    [InlineData("dmar1", "identity", "nvme", "VT-d; not from its present driver")]
    [InlineData("dmar1", "identity", "vfio-pci", "VT-d")]
    public void Protection_in_words(string? iommu, string type, string? driver, string expected) =>
        Assert.Equal(expected, DeviceReport.Of(_disk with { Iommu = iommu, GroupType = type, Driver = driver }).Protection);

    [Theory]
    [InlineData(VfioInterface.Iommufd, "VT-d, through iommufd, only with 0000:01:00.1", "iommufd")]
    [InlineData(VfioInterface.Container, "VT-d, through a VFIO container, only with 0000:01:00.1", "container")]
    [InlineData(VfioInterface.None, "VT-d, only with 0000:01:00.1", null)]
    public void The_kernels_interface_is_named(VfioInterface kind, string expected, string? json)
    {
        LinuxPciDevice device = _disk with { Companions = [new(0, 1, 0, 1)], Interface = kind };
        Assert.Equal((expected, json), (DeviceReport.Of(device).Protection, DeviceReport.Of(device).Interface));
        using var output = new StringWriter();
        DevicesCommand.Print([device], json: true, output);
        Assert.Equal(json, JsonNode.Parse(output.ToString())![0]!["interface"]?.GetValue<string>());
    }

    [Fact]
    public void Companions_are_named()
    {
        DeviceReport report = DeviceReport.Of(_disk with { Companions = [new(0, 1, 0, 1)] });
        Assert.Equal("VT-d, only with 0000:01:00.1", report.Protection);
        Assert.Equal(["0000:01:00.1"], report.Companions);
    }

    [Fact]
    public void Where_there_is_no_IOMMU_it_says_what_that_means()
    {
        string output = Print(_disk with { IommuGroup = null, Iommu = null, GroupType = null });
        Assert.Contains("nothing", output, StringComparison.Ordinal);
        Assert.Contains("no IOMMU is on: a function that is given to a domain would reach all memory", output, StringComparison.Ordinal);
        Assert.Contains("intel_iommu=on", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_all_of_it()
    {
        using var output = new StringWriter();
        DevicesCommand.Print([_disk], json: true, output);
        JsonNode device = JsonNode.Parse(output.ToString())!.AsArray().Single()!;
        Assert.Equal("0000:01:00.0", device["address"]!.GetValue<string>());
        Assert.Equal("010802", device["classCode"]!.GetValue<string>());
        Assert.Equal(7, device["iommuGroup"]!.GetValue<int>());
        Assert.True(device["isProtected"]!.GetValue<bool>());
        Assert.Empty(device["uses"]!.AsArray());
    }

    [Theory]
    [InlineData(0x020000u, "Ethernet controller")]
    [InlineData(0x010802u, "NVMe controller")]
    [InlineData(0x010801u, "non-volatile memory controller")]
    [InlineData(0x01ff00u, "storage controller")]
    [InlineData(0x120000u, "accelerator")]
    [InlineData(0xff0000u, "device of no class")]
    [InlineData(0x770000u, "class 770000")]
    public void Classes_have_names(uint code, string expected) => Assert.Equal(expected, PciClassNames.Of(code));

    private static LinuxPciDevice Device(uint classCode, ushort vendor, ushort device) =>
        new(new PciAddress(0, 1, 0, 0), new PciIdentity(vendor, device, classCode, 2, 0, 0), null, null, null, null, [], []);

    private static string Print(LinuxPciDevice device)
    {
        using var output = new StringWriter();
        DevicesCommand.Print([device], json: false, output);
        return output.ToString();
    }
}
