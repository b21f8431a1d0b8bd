using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A DMA space of VFIO (a container with the IOMMU driver "type1"): what is mapped is pinned, and is all that the functions in it reach. Functions of several IOMMU groups can
/// share it.
/// </summary>
/// <remarks>Pinned memory counts against the limit of locked memory (RLIMIT_MEMLOCK) of whoever maps it, unless it has CAP_IPC_LOCK.</remarks>
public sealed unsafe class VfioDmaSpace : DmaSpace
{
    private const string ContainerPath = "/dev/vfio/vfio";
    private const string IommufdPath = "/dev/iommu";
    private const ulong LargePage = 2 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, VfioGroup> _groups = [];
    private IovaAllocator? _free;
    private ulong _pageSize = 4096;
    private int _addressBits;
    private bool _disposed;

    private VfioDmaSpace(SafeFileHandle container) => Container = container;

    /// <inheritdoc/>
    public override bool IsProtected => true;

    /// <inheritdoc/>
    public override int AddressBits => _addressBits;

    /// <inheritdoc/>
    public override int PageSize => (int)_pageSize;

    /// <summary>The container, for handing the space to a component together with a function of it.</summary>
    public SafeFileHandle Container { get; }

    /// <summary>Makes an empty space. It can be mapped into once a function was opened in it.</summary>
    /// <exception cref="IOException">There is no VFIO here, or it may not be used; the message says how to get it.</exception>
    public static VfioDmaSpace Create()
    {
        SafeFileHandle container = VfioError.Open(ContainerPath, File.Exists(IommufdPath)
            ? "this kernel has iommufd alone; take one with VFIO_CONTAINER or IOMMUFD_VFIO_CONTAINER"
            : "load the module vfio-pci, and start the kernel with the IOMMU on (intel_iommu=on)");
        try
        {
            int version = Libc.IoctlNumber(container, Libc.VFIO_GET_API_VERSION, 0);
            if (version != Libc.VFIO_API_VERSION)
            {
                throw new IOException($"VFIO has version {version} of its interface; {Libc.VFIO_API_VERSION} is known here");
            }

            if (Libc.IoctlNumber(container, Libc.VFIO_CHECK_EXTENSION, Libc.VFIO_TYPE1v2_IOMMU) <= 0)
            {
                throw new IOException("VFIO has no type1 IOMMU driver here; load the module vfio_iommu_type1");
            }

            return new VfioDmaSpace(container);
        }
        catch
        {
            container.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a space that was granted as a descriptor; a function is in it already. What others mapped into it stays out of sight.</summary>
    /// <exception cref="IOException">It is no container with a function in it.</exception>
    public static VfioDmaSpace Adopt(SafeFileHandle container)
    {
        ArgumentNullException.ThrowIfNull(container);
        var space = new VfioDmaSpace(container);
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

    /// <summary>Opens a function that is bound to vfio-pci, and puts its IOMMU group into this space.</summary>
    /// <exception cref="IOException">It cannot be had; the message says why and what to do.</exception>
    public VfioFunction Open(PciAddress address)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            int number = SysfsPci.GroupOf(SysfsPci.Root, address)
                ?? throw new IOException($"{address} is in no IOMMU group, so nothing keeps its DMA to what is granted; switch the IOMMU on (firmware, and intel_iommu=on or amd_iommu=on)");
            if (!_groups.TryGetValue(number, out VfioGroup? group))
            {
                group = VfioGroup.Open(number);
                try
                {
                    group.Join(Container, isFirst: _groups.Count == 0);
                    _groups.Add(number, group);
                    ReadLimits();
                }
                catch
                {
                    _groups.Remove(number);
                    group.Dispose();
                    throw;
                }
            }

            return VfioFunction.Adopt(group.OpenDevice(address), this, address);
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

        Libc.VfioDmaMap map = new()
        {
            Size = (uint)sizeof(Libc.VfioDmaMap),
            Flags = (access.HasFlag(DmaAccess.Read) ? Libc.VFIO_DMA_MAP_FLAG_READ : 0) | (access.HasFlag(DmaAccess.Write) ? Libc.VFIO_DMA_MAP_FLAG_WRITE : 0),
            Address = (ulong)address,
            Iova = iova,
            Length = length,
        };
        if (Libc.IoctlRetried(Container, Libc.VFIO_IOMMU_MAP_DMA, &map) == 0)
        {
            return iova;
        }

        int errno = Errno.Last;
        lock (_lock)
        {
            free.Free(iova, length);
        }

        IOException cause = LinuxError.Io($"cannot map {length} bytes for devices", "VFIO_IOMMU_MAP_DMA", errno, errno switch
        {
            Errno.ENOMEM => "raise the limit of locked memory (ulimit -l), as the pages are pinned",
            Errno.ENOSPC => "there are too many mappings; raise dma_entry_limit of the module vfio_iommu_type1",
            Errno.EFAULT => "the pages cannot be reached for that access",
            _ => null,
        });
        throw new DmaException(cause.Message, cause);
    }

    /// <inheritdoc/>
    protected override void UnmapPages(ulong iova, ulong length)
    {
        if (_disposed)
        {
            return;
        }

        Libc.VfioDmaUnmap unmap = new() { Size = (uint)sizeof(Libc.VfioDmaUnmap), Iova = iova, Length = length };
        int errno = Libc.IoctlRetried(Container, Libc.VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? Errno.Last : 0;
        if (errno == Errno.EINVAL && IsEmpty())
        {
            // The last function went away, and with it the IOMMU's tables.
            return;
        }

        if (errno != 0 || unmap.Length != length)
        {
            // The addresses are not given out again: devices may still reach what is behind them.
            throw LinuxError.Io($"cannot take {length} bytes at IOVA 0x{iova:x} from devices ({unmap.Length} were taken)", "VFIO_IOMMU_UNMAP_DMA", errno);
        }

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
                // The kernel unmaps all of it with the last descriptor of the container.
                _disposed = true;
                foreach (VfioGroup group in _groups.Values)
                {
                    group.Dispose();
                }

                Container.Dispose();
            }
        }
    }

    /// <summary>Asks for page sizes and usable addresses, which depend on the groups. Another group may make them fewer.</summary>
    private void ReadLimits()
    {
        const int FirstTry = 4096;
        byte[] info = new byte[FirstTry];
        Libc.VfioIommuInfo head = GetInfo(ref info);
        if ((head.Flags & Libc.VFIO_IOMMU_INFO_PGSIZES) != 0 && head.PageSizes != 0)
        {
            _pageSize = Math.Max(4096, 1ul << BitOperations.TrailingZeroCount(head.PageSizes));
        }

        List<(ulong First, ulong Last)> ranges = (head.Flags & Libc.VFIO_IOMMU_INFO_CAPS) == 0 ? []
            : VfioCapabilities.IovaRanges(VfioCapabilities.Find(info, head.CapabilityOffset, Libc.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE));
        if (ranges.Count == 0)
        {
            // Kernels before 5.4 do not say: the least that a VT-d has, without the messages' addresses.
            ranges = [(0, 0xfedf_ffff), (0xfef0_0000, (1ul << 39) - 1)];
        }

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
                throw new IOException($"the new function's group cannot have the 0x{mapping.Length:x} bytes mapped at 0x{mapping.Iova:x}; open all functions of a space before anything is mapped");
            }
        }

        _free = free;
    }

    /// <summary>Whether no function is in the space any more.</summary>
    private bool IsEmpty()
    {
        Libc.VfioIommuInfo head = new() { Size = (uint)sizeof(Libc.VfioIommuInfo) };
        return Libc.Ioctl(Container, Libc.VFIO_IOMMU_GET_INFO, &head) < 0;
    }

    private Libc.VfioIommuInfo GetInfo(ref byte[] info)
    {
        while (true)
        {
            Libc.VfioIommuInfo head = new() { Size = (uint)info.Length };
            MemoryMarshal.Write(info, in head);
            fixed (byte* start = info)
            {
                if (Libc.Ioctl(Container, Libc.VFIO_IOMMU_GET_INFO, start) < 0)
                {
                    throw LinuxError.Io("cannot ask the IOMMU for its limits", "VFIO_IOMMU_GET_INFO", Errno.Last, "the descriptor has to be a VFIO container with a function in it");
                }
            }

            head = MemoryMarshal.Read<Libc.VfioIommuInfo>(info);
            if (head.Size <= info.Length)
            {
                return head;
            }

            info = new byte[head.Size];
        }
    }
}
