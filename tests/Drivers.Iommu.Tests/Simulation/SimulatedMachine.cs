using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>A machine of memory and one remapping unit.</summary>
internal sealed class SimulatedMachine : Machine
{
    internal const ulong UnitBase = 0xfed9_0000;
    internal const ulong MemoryBase = 0x1_0000_0000;
    internal const int MemoryLength = 8 << 20;

    private readonly NativeArray<byte> _ram = new(MemoryLength);
    private readonly Memory _memory;

    internal SimulatedMachine(params byte[][] dmar)
    {
        AcpiTables = [TableBuilder.Dmar(dmar.Length > 0 ? dmar : [TableBuilder.Drhd(UnitBase)])];
        _memory = new Memory(_ram.AsSegment());
        Unit = new SimulatedUnit(new SharedMemory(_ram.AsSegment()));
    }

    internal SimulatedUnit Unit { get; }

    /// <summary>Pages of memory that may still be given out; more are refused.</summary>
    internal int Budget { get => _memory.Budget; set => _memory.Budget = value; }

    public override RegisterSpace Ports => default;

    public override DmaSpace Physical => _memory;

    public override IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables { get; }

    public override IReadOnlyList<(ulong First, ulong Last)> RegisterWindows => [(0xc000_0000, 0xcfff_ffff)];

    public override RegisterSpace MapRegisters(ulong physicalAddress, ulong length) => RegisterSpace.OnBus(Unit, physicalAddress - UnitBase, length);

    public override InterruptMessage CreateMessage(PciAddress function, DmaSpace space) => new ProcessorMessage(0x51);

    protected override void Dispose(bool disposing) => _ram.Dispose();

    private sealed class Memory(MemorySegment ram) : DmaSpace
    {
        private readonly IovaAllocator _free = new([(0, (ulong)ram.Length - 1)]);

        internal int Budget { get; set; } = int.MaxValue;

        public override bool IsProtected => false;

        public override int AddressBits => 40;

        public override int PageSize => 4096;

        public override DmaMemory Allocate(ulong length)
        {
            length = (length + 4095) & ~4095ul;
            if (Budget < (int)(length / 4096) || !_free.TryAllocate(length, 4096, out ulong offset))
            {
                throw new DmaException("the machine's memory is used up");
            }

            Budget -= (int)(length / 4096);
            MemorySegment pages = ram.Slice((int)offset, (int)length);

            // Who relies on zeroes gets them; who relies on what was there before does not.
            pages.AsSpan().Clear();
            return new Pages(Add(pages.Address, length, DmaAccess.ReadWrite));
        }

        protected override ulong MapPages(nint address, ulong length, DmaAccess access) => MemoryBase + (ulong)(address - ram.Address);

        protected override void UnmapPages(ulong iova, ulong length)
        {
            ram.Slice((int)(iova - MemoryBase), (int)length).AsSpan().Fill(0xff);
            _free.Free(iova - MemoryBase, length);
            Budget += Budget < int.MaxValue - (1 << 20) ? (int)(length / 4096) : 0;
        }

        protected override void Dispose(bool disposing)
        {
        }

        private sealed class Pages(DmaMapping mapping) : DmaMemory
        {
            public override nint Address => mapping.Address;

            public override ulong Length => mapping.Length;

            public override ulong Iova => mapping.Iova;

            protected override void Dispose(bool disposing) => mapping.Dispose();
        }
    }
}
