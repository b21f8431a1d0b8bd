using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A DMA space of VFIO: what is mapped is pinned, and is all that the functions in it reach. Functions of several IOMMU groups can share it. The kernel has it behind one of two
/// interfaces, <see cref="VfioInterface"/>.
/// </summary>
/// <remarks>Pinned memory counts against the limit of locked memory (RLIMIT_MEMLOCK) of whoever maps it, unless it has CAP_IPC_LOCK.</remarks>
public sealed class VfioDmaSpace : DmaSpace
{
    private const ulong LargePage = 2 << 20;

    private readonly Lock _lock = new();
    private readonly IoAddressSpace _space;
    private IovaAllocator? _free;
    private ulong _pageSize = 4096;
    private int _addressBits;
    private bool _disposed;

    private VfioDmaSpace(IoAddressSpace space) => _space = space;

    /// <inheritdoc/>
    public override bool IsProtected => true;

    /// <inheritdoc/>
    public override int AddressBits => _addressBits;

    /// <inheritdoc/>
    public override int PageSize => (int)_pageSize;

    /// <summary>The kernel's interface to it.</summary>
    public VfioInterface Interface => _space.Interface;

    /// <summary>The descriptor, for handing the space to a component together with a function of it: a container, or an iommufd.</summary>
    public SafeFileHandle Handle => _space.Handle;

    /// <summary>Makes an empty space. It can be mapped into once a function was opened in it.</summary>
    /// <exception cref="IOException">There is no VFIO here, or it may not be used; the message says how to get it.</exception>
    public static VfioDmaSpace Create() => new(IoAddressSpace.Create(VfioInterfaces.Preferred()));

    /// <summary>Takes over a space that was granted as a descriptor; a function is in it already. What others mapped into it stays out of sight.</summary>
    /// <exception cref="IOException">It is no DMA space of VFIO with a function in it.</exception>
    public static VfioDmaSpace Adopt(SafeFileHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        var space = new VfioDmaSpace(IoAddressSpace.Adopt(handle));
        try
        {
            space.ReadLimits();
            return space;
        }
        catch
        {
            space.Dispose();
            throw;
        }
    }

    /// <summary>Opens a function that is bound to vfio-pci, and puts it into this space.</summary>
    /// <exception cref="IOException">It cannot be had; the message says why and what to do.</exception>
    public VfioFunction Open(PciAddress address)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            SafeFileHandle device = _space.Open(address);
            try
            {
                ReadLimits();
            }
            catch
            {
                device.Dispose();
                throw;
            }

            return VfioFunction.Adopt(device, this, address);
        }
    }

    /// <inheritdoc/>
    public override DmaMemory Allocate(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong pages = checked(length + _pageSize - 1) & ~(_pageSize - 1);
        return Own(PinnedMemory.Allocate(pages));
    }

    /// <inheritdoc/>
    protected override ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        IovaAllocator free = _free ?? throw new DmaException("the space has no function yet, and so no IOMMU; open one first");

        // Large pages of the IOMMU need both addresses to agree in their low bits.
        ulong alignment = length >= LargePage && ((ulong)address & (LargePage - 1)) == 0 ? LargePage : _pageSize;
        ulong iova;
        lock (_lock)
        {
            if (!free.TryAllocate(length, alignment, out iova))
            {
                throw new DmaException($"there are no {length} device addresses left in one piece of the {_addressBits} bits that the IOMMU has here; unmap something");
            }
        }

        try
        {
            _space.Map((ulong)address, iova, length, access);
            return iova;
        }
        catch (IOException e)
        {
            lock (_lock)
            {
                free.Free(iova, length);
            }

            throw new DmaException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    protected override void UnmapPages(ulong iova, ulong length)
    {
        if (_disposed)
        {
            return;
        }

        // Where it fails, the addresses are not given out again: devices may still reach what is behind them.
        _space.Unmap(iova, length);
        lock (_lock)
        {
            _free!.Free(iova, length);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                _space.Dispose();
            }
        }
    }

    /// <summary>Asks for page sizes and usable addresses, which depend on the functions. Another one may make them fewer.</summary>
    private void ReadLimits()
    {
        (ulong pageSize, List<(ulong First, ulong Last)> ranges) = _space.ReadLimits();
        _pageSize = Math.Max(4096, pageSize);

        // IOVA 0 is given to nobody: too many drivers and devices take it for nothing.
        ranges = ranges.ConvertAll(r => r.First == 0 ? (_pageSize, r.Last) : r);
        _addressBits = 64 - BitOperations.LeadingZeroCount(ranges.Max(r => r.Last));
        if (_free is null)
        {
            _free = new IovaAllocator(ranges);
            return;
        }

        var free = new IovaAllocator(ranges);
        foreach (DmaMapping mapping in Mappings)
        {
            if (!free.TryReserve(mapping.Iova, mapping.Length))
            {
                throw new IOException($"the new function cannot have the 0x{mapping.Length:x} bytes mapped at 0x{mapping.Iova:x}; open all functions of a space before anything is mapped");
            }
        }

        _free = free;
    }
}
