using Makatea.Platform;

namespace Makatea.NvmeModel;

/// <summary>A DMA space in which device addresses differ from host addresses, and a device's access outside of what is mapped throws.</summary>
public sealed class ModelDmaSpace : DmaSpace
{
    private readonly Lock _lock = new();
    private ulong _next = 0x7_0000_0000;

    public override bool IsProtected => true;

    public override int AddressBits => 48;

    public override int PageSize => 4096;

    /// <summary>Memory that was allocated and not given back.</summary>
    public int Allocations { get; private set; }

    public override DmaMemory Allocate(ulong length)
    {
        var bytes = new NativeArray<byte>(checked((int)((length + 4095) & ~4095ul)));
        lock (_lock)
        {
            Allocations++;
        }

        return new Memory(this, bytes, Add(bytes.AsSegment().Address, (ulong)bytes.Length, DmaAccess.ReadWrite));
    }

    /// <summary>What a device finds at an address.</summary>
    public MemorySegment Resolve(ulong iova, int length)
    {
        IReadOnlyList<DmaMapping> mappings = Mappings;
        for (int i = 0; i < mappings.Count; i++)
        {
            DmaMapping mapping = mappings[i];
            ulong offset = iova - mapping.Iova;
            if (offset < mapping.Length && (ulong)length <= mapping.Length - offset)
            {
                return MemorySegment.UnsafeCreate(mapping.Address + (nint)offset, length);
            }
        }

        throw new InvalidOperationException($"the device reaches for {length} bytes at 0x{iova:x}, which are not mapped");
    }

    protected override ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        ulong iova = _next;
        _next += length + 4096; // A hole, so that running over the end is noticed.
        return iova;
    }

    protected override void UnmapPages(ulong iova, ulong length)
    {
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Memory(ModelDmaSpace space, NativeArray<byte> bytes, DmaMapping mapping) : DmaMemory
    {
        private bool _isDisposed;

        public override nint Address => mapping.Address;

        public override ulong Length => mapping.Length;

        public override ulong Iova => mapping.Iova;

        protected override void Dispose(bool disposing)
        {
            lock (space._lock)
            {
                if (_isDisposed)
                {
                    return;
                }

                _isDisposed = true;
                space.Allocations--;
            }

            mapping.Dispose();
            bytes.Dispose();
        }
    }
}
