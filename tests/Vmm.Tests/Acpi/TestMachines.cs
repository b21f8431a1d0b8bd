using Makatea.Vmm.Acpi;
using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>Machines to describe.</summary>
internal static class TestMachines
{
    /// <summary>As little as there can be.</summary>
    public static AcpiDescription Smallest => new() { Layout = new GuestLayout(64 << 20, 40), ApicIds = [0] };

    /// <summary>Everything.</summary>
    public static AcpiDescription Full => new()
    {
        Layout = new GuestLayout(8UL << 30, 40),
        ApicIds = [0, 1, 2, 3, 254, 255, 300],
        IoApicId = 7,
        HasSerialPort = true,
        HasClock = true,
        HasPci = true,
        HotPlug = new(0x620, 16),
        VirtioDevices = [new(GuestLayout.VirtioMmio.First, 17), new(GuestLayout.VirtioMmio.First + GuestLayout.VirtioMmioLength, 18)],
    };

    /// <summary>A machine by name, for theories.</summary>
    public static AcpiDescription ByName(string name) => name == nameof(Full) ? Full : Smallest;

    /// <summary>The table of a signature.</summary>
    public static byte[] Table(this AcpiDescription machine, string signature) =>
        AcpiTables.Place(machine).Single(table => table.Bytes.AsSpan().StartsWith(System.Text.Encoding.ASCII.GetBytes(signature))).Bytes;
}
