using Makatea.Platform;

namespace Makatea.Tests.E1000;

/// <summary>
/// A DMA space whose device addresses differ from the driver's, so that a driver that mixes them up is caught, and whose device side refuses what is not mapped.
/// </summary>
internal sealed class SimulatedDmaSpace : DmaSpace
{
    private readonly SortedDictionary<ulong, (nint Address, ulong Length)> _pages = [];
    private readonly Lock _lock = new();
    private ulong _next = 0x1_0000_0000;

    public override bool IsProtected => true;

    public override int AddressBits => 48;

    public override int PageSize => 4096;

    /// <summary>Device accesses that no mapping allowed.</summary>
    public int Faults { get; private set; }

    /// <summary>The device's view of memory.</summary>
    /// <returns>False, and counted, where not all of it is mapped.</returns>
    public bool TryReach(ulong iova, int length, out MemorySegment memory)
    {
        lock (_lock)
        {
            foreach ((ulong first, (nint address, ulong size)) in _pages)
            {
                if (iova >= first && iova - first < size && (ulong)length <= size - (iova - first))
                {
                    memory = MemorySegment.UnsafeCreate(address + (nint)(iova - first), length);
                    return true;
                }
            }

            Faults++;
            memory = default;
            return false;
        }
    }

    public override DmaMemory Allocate(ulong length) => new Memory(this, (length + 4095) & ~4095UL);

    protected override ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        lock (_lock)
        {
            ulong iova = _next;
            _next += length + 0x10000;
            _pages.Add(iova, (address, length));
            return iova;
        }
    }

    protected override void UnmapPages(ulong iova, ulong length)
    {
        lock (_lock)
        {
            _pages.Remove(iova);
        }
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Memory : DmaMemory
    {
        private readonly NativeArray<byte> _bytes;
        private readonly DmaMapping _mapping;

        public Memory(SimulatedDmaSpace space, ulong length)
        {
            _bytes = new((int)length);
            _mapping = space.Add(_bytes.AsSegment().Address, length, DmaAccess.ReadWrite);
        }

        public override nint Address => _mapping.Address;

        public override ulong Length => _mapping.Length;

        public override ulong Iova => _mapping.Iova;

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _mapping.Dispose();
                _bytes.Dispose();
            }
        }
    }
}
