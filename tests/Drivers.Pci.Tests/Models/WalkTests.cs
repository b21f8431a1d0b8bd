using System.Text.Json.Nodes;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>The walk over the buses of a machine that QEMU describes by its own means.</summary>
[Trait("Category", "Device")]
public sealed class WalkTests
{
    [SkippableFact]
    public void Finds_what_QEMU_says_it_has()
    {
        using QemuMachine machine = TestMachine.Start(
            "nvme,serial=a", "e1000", "e1000e", "pcie-root-port,id=root1,chassis=1,slot=1", "nvme,serial=b,bus=root1", "pcie-pci-bridge,id=old", "e1000,bus=old,addr=3");
        var host = new PciHost(machine);
        IReadOnlyList<PciFunctionInfo> found = host.Scan();

        // After the walk, as only then buses behind bridges have numbers.
        IEnumerable<(PciAddress Address, ushort Vendor, ushort Device)> expected = Describe(machine.Monitor.Execute("query-pci")!.AsArray().SelectMany(b => b!["devices"]!.AsArray()));
        Assert.Equal(expected.Order(), found.Select(f => (f.Address, f.Identity.Vendor, f.Identity.Device)));
        Assert.Equal(2, found.Count(f => f.Identity.ClassCode == 0x010802));
        Assert.Equal(2, found.Count(f => f.IsBridge));
        PciFunctionInfo behind = found.Single(f => f.Identity.ClassCode == 0x010802 && f.Address.Bus != 0);
        Assert.Equal(behind.Address.Bus, found.Single(f => f.Address == behind.Bridge).SecondaryBus);
    }

    [SkippableFact]
    public void Walks_through_ports_where_no_table_names_memory()
    {
        using QemuMachine machine = TestMachine.Start("nvme,serial=a", "pcie-root-port,id=root1,chassis=1", "e1000e,bus=root1");
        var plain = new PortMachine(machine);
        IReadOnlyList<PciFunctionInfo> found = new PciHost(plain).Scan();
        Assert.Contains(found, f => f.Identity is { Vendor: 0x8086, Device: 0x10d3 } && f.Address.Bus == 1);
        using PciFunction nvme = new PciHost(plain).Open(found.Single(f => f.Identity.ClassCode == 0x010802).Address, machine.Physical);
        Assert.Equal(256, nvme.ConfigLength);
        Assert.NotEqual(0u, nvme.MapBar(0).ReadUInt32(8));
    }

    [SkippableFact]
    public void Says_what_is_wrong_with_what_cannot_be_opened()
    {
        using QemuMachine machine = TestMachine.Start("nvme,serial=a,addr=5", "pcie-root-port,id=root1,chassis=1,addr=6");
        var host = new PciHost(machine);
        PciAddress nvme = new(0, 0, 5, 0);
        using PciFunction function = host.Open(nvme, machine.Physical);
        Assert.Contains("one driver", Assert.Throws<IOException>(() => host.Open(nvme, machine.Physical)).Message, StringComparison.Ordinal);
        Assert.Contains("bridge", Assert.Throws<IOException>(() => host.Open(new(0, 0, 6, 0), machine.Physical)).Message, StringComparison.Ordinal);
        Assert.Contains("no function", Assert.Throws<IOException>(() => host.Open(new(0, 0, 7, 0), machine.Physical)).Message, StringComparison.Ordinal);
        Assert.Contains("no base address register 2", Assert.Throws<IOException>(() => function.MapBar(2)).Message, StringComparison.Ordinal);
        function.Dispose();
        host.Open(nvme, machine.Physical).Dispose();
    }

    [SkippableFact]
    public void Nested_bridges_get_numbers_and_windows_within_their_parents()
    {
        using QemuMachine machine = TestMachine.Start(
            "pcie-root-port,id=r1,chassis=1,slot=1", "x3130-upstream,id=up,bus=r1", "xio3130-downstream,id=d1,bus=up,chassis=2,slot=1",
            "xio3130-downstream,id=d2,bus=up,chassis=2,slot=2", "nvme,serial=a,bus=d1", "nvme,serial=b,bus=d2", "nvme,serial=c");
        var host = new PciHost(machine);
        List<PciFunctionInfo> nvmes = [.. host.Scan().Where(f => f.Identity.ClassCode == 0x010802)];
        Assert.Equal(3, nvmes.Count);
        var functions = nvmes.ConvertAll(f => host.Open(f.Address, machine.Physical));

        // Each answers at an address of its own: what one is told the others do not hear.
        for (int i = 0; i < functions.Count; i++)
        {
            functions[i].MapBar(0).WriteUInt64(0x28, (ulong)(0x1000 * (i + 1)));
        }

        Assert.Equal([0x1000ul, 0x2000, 0x3000], functions.Select(f => f.MapBar(0).ReadUInt64(0x28)));
        Assert.Equal(host.Scan().Select(f => f.Address), new PciHost(machine).Scan().Select(f => f.Address));
        functions.ForEach(f => f.Dispose());
    }

    private static IEnumerable<(PciAddress Address, ushort Vendor, ushort Device)> Describe(IEnumerable<JsonNode?> devices)
    {
        foreach (JsonNode device in devices.OfType<JsonNode>())
        {
            yield return (new(0, (byte)(int)device["bus"]!, (byte)(int)device["slot"]!, (byte)(int)device["function"]!), (ushort)(int)device["id"]!["vendor"]!, (ushort)(int)device["id"]!["device"]!);
            if (device["pci_bridge"]?["devices"] is JsonArray behind)
            {
                foreach ((PciAddress, ushort, ushort) inner in Describe(behind))
                {
                    yield return inner;
                }
            }
        }
    }

    /// <summary>The same machine without its ACPI tables.</summary>
    private sealed class PortMachine(Machine machine) : Machine
    {
        public override RegisterSpace Ports => machine.Ports;

        public override DmaSpace Physical => machine.Physical;

        public override IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables => [];

        public override IReadOnlyList<(ulong First, ulong Last)> RegisterWindows => machine.RegisterWindows;

        public override RegisterSpace MapRegisters(ulong physicalAddress, ulong length) => machine.MapRegisters(physicalAddress, length);

        public override InterruptMessage CreateMessage(PciAddress function, DmaSpace space) => machine.CreateMessage(function, space);

        protected override void Dispose(bool disposing)
        {
        }
    }
}
