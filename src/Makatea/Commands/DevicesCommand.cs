using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Views;

namespace Makatea.Commands;

/// <summary><c>makatea devices</c>: the PCI functions of this machine, who has them and what keeps them.</summary>
internal static class DevicesCommand
{
    private static readonly Option<bool> _json = new("--json") { Description = "Print JSON: a list of functions." };

    private static readonly Option<string> _giveBack = new("--give-back")
    {
        Description = "Give a function that is bound to vfio-pci, and that nobody uses, to the kernel's own driver: for one that a system left which was killed.",
        HelpName = "ADDRESS",
    };

    public static Command Create()
    {
        var command = new Command("devices", "Show the PCI functions of this machine: drivers, IOMMU groups, what protects memory from them.\n\n" +
            "Functions of one group cannot be kept from each other: a domain gets all of them or none. 'protected by' says what would keep a function to the memory that its " +
            "domain was granted; 'in use' what ends if it is taken from its driver.") { _json, _giveBack };
        command.SetAction(result =>
        {
            if (result.GetValue(_giveBack) is { } address)
            {
                GiveBack(address, result.InvocationConfiguration.Output);
                return ExitCode.Success;
            }

            Print(LinuxPciDevice.List(), result.GetValue(_json), result.InvocationConfiguration.Output);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Prints functions.</summary>
    internal static void Print(IReadOnlyList<LinuxPciDevice> devices, bool json, TextWriter output)
    {
        IReadOnlyList<DeviceReport> reports = [.. devices.Select(DeviceReport.Of)];
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(reports, DeviceReportJson.Default.IReadOnlyListDeviceReport));
            return;
        }

        if (reports.Count > 0)
        {
            StatusTable.ConsoleFor(output).Write(DeviceTable.Render(reports));
        }

        output.WriteLine(DeviceReport.Summarize(reports));
        foreach (LinuxPciDevice device in devices.Where(d => d.IsVfio))
        {
            output.WriteLine($"{device.Address} is bound to vfio-pci: where no system uses it, 'makatea devices --give-back {device.Address}' gives it to the kernel's own driver");
        }
    }

    private static void GiveBack(string text, TextWriter output)
    {
        if (!PciAddress.TryParse(text, out PciAddress address))
        {
            throw new CommandException($"found --give-back={text}, expected a PCI address, such as 0000:01:00.0", ExitCode.Usage);
        }

        string? driver = VfioBinding.GiveBack(address);
        output.WriteLine(driver is null
            ? $"{address} has no driver now: the kernel has none loaded that takes it"
            : $"{address} is {driver}'s now");
    }
}
