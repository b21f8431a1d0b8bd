using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// The memory of a machine of device models at its physical addresses. Pages are given out from the first MiB on; below it is what a PC has there. Other memory is mapped by
/// plugging in the object that it belongs to.
/// </summary>
internal sealed unsafe class ModelMemory : DmaSpace
{
    private const ulong FirstPage = 1 << 20;
    private readonly MappedMemory _ram;
    private readonly IovaAllocator _free;
    private readonly MemoryModules _modules;
    private readonly Lock _lock = new();

    internal ModelMemory(MappedMemory ram, MemoryModules modules)
    {
        _ram = ram;
        _modules = modules;
        _free = new IovaAllocator([(FirstPage, ram.Length - 1)]);
    }

    /// <inheritdoc/>
    public override bool IsProtected => false;

    /// <inheritdoc/>
    public override int AddressBits => 64;

    /// <inheritdoc/>
    public override int PageSize => 4096;

    /// <inheritdoc/>
    public override DmaMemory Allocate(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong pages = checked(length + ((ulong)PageSize - 1)) & ~((ulong)PageSize - 1);
        ulong address;
        lock (_lock)
        {
            if (!_free.TryAllocate(pages, (ulong)PageSize, out address))
            {
                throw new DmaException($"0x{pages:x} bytes were asked for, more than what is left in one piece of the machine's 0x{_ram.Length:x}; give it more memory (QemuMachineOptions.Memory)");
            }
        }

        NativeMemory.Clear((void*)(_ram.Address + (nint)address), (nuint)pages);
        return new Pages(this, Add(_ram.Address + (nint)address, pages, DmaAccess.ReadWrite));
    }

    /// <inheritdoc/>
    protected override ulong MapPages(nint address, ulong length, DmaAccess access) => TryFind(address, length, out ulong physical)
        ? physical
        : throw new DmaException($"0x{length:x} bytes at 0x{address:x} are not in the machine's memory (0x{_ram.Length:x} bytes at 0x{_ram.Address:x}) and belong to no object that could be plugged in; take them from Allocate");

    /// <inheritdoc/>
    protected override ulong MapMemory(MappedMemory memory, nint address, ulong length, DmaAccess access)
    {
        if (TryFind(address, length, out ulong physical))
        {
            return physical;
        }

        using var grant = (LinuxGrant?)memory.Share(out ulong offset);
        if (grant is null)
        {
            return MapPages(address, length, access);
        }

        return _modules.Plug(grant.Handle, offset - ((ulong)memory.Address - (ulong)address), length);
    }

    /// <inheritdoc/>
    protected override void UnmapPages(ulong iova, ulong length)
    {
        // Nothing stands between these devices and the machine's own memory.
        if (iova >= _ram.Length)
        {
            _modules.Unplug(iova);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The machine owns the memory.
    }

    private bool TryFind(nint address, ulong length, out ulong physical)
    {
        physical = (ulong)address - (ulong)_ram.Address;
        return physical < _ram.Length && length <= _ram.Length - physical;
    }

    private sealed class Pages(ModelMemory space, DmaMapping mapping) : DmaMemory
    {
        private bool _disposed;

        public override nint Address => mapping.Address;

        public override ulong Length => mapping.Length;

        public override ulong Iova => mapping.Iova;

        protected override void Dispose(bool disposing)
        {
            lock (space._lock)
            {
                if (!_disposed)
                {
                    _disposed = true;
                    mapping.Dispose();
                    space._free.Free(mapping.Iova, mapping.Length);
                }
            }
        }
    }
}
