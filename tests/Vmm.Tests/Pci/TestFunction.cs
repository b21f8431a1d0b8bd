using Makatea.Platform;
using Makatea.Vmm.Pci;

namespace Makatea.Vmm.Tests.Pci;

/// <summary>A function with registers that are memory, and a note of where they were put.</summary>
internal sealed class TestFunction : PciFunctionModel
{
    public TestFunction(ulong length = 0x1000, ushort device = 0x1234)
        : base(new(0x1af4, device, 0xff_0000, Revision: 3, SubsystemVendor: 0x1af4, Subsystem: 0x99)) => AddBar(0, length, Registers);

    public Storage Registers { get; } = new();

    public List<ulong?> Mappings { get; } = [];

    internal override void OnMapped(PciBarModel bar, ulong? address) => Mappings.Add(address);

    internal sealed class Storage : RegisterBus
    {
        private readonly Dictionary<ulong, ulong> _values = [];

        public override ulong Read(ulong address, int width) => _values.GetValueOrDefault(address);

        public override void Write(ulong address, int width, ulong value) => _values[address] = value;
    }
}
