using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>Machines of device models for tests.</summary>
internal static class TestMachine
{
    /// <summary>Starts a machine with devices; skips the test where there is no QEMU.</summary>
    public static QemuMachine Start(params string[] devices)
    {
        try
        {
            return QemuMachine.Start(new QemuMachineOptions { Devices = devices });
        }
        catch (FileNotFoundException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }

    /// <summary>Opens the only function with a class code.</summary>
    public static PciFunction Open(QemuMachine machine, uint classCode)
    {
        var host = new PciHost(machine);
        return host.Open(host.Scan().Single(f => f.Identity.ClassCode == classCode).Address, machine.Physical);
    }
}
