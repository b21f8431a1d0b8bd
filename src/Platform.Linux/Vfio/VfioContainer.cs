using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A container with the IOMMU driver "type1", into which IOMMU groups are put.</summary>
internal sealed unsafe class VfioContainer(SafeFileHandle handle) : IoAddressSpace
{
    private const string ContainerPath = "/dev/vfio/vfio";

    private readonly Dictionary<int, VfioGroup> _groups = [];

    /// <inheritdoc/>
    internal override VfioInterface Interface => VfioInterface.Container;

    /// <inheritdoc/>
    internal override SafeFileHandle Handle { get; } = handle;

    /// <summary>Makes an empty one.</summary>
    /// <exception cref="IOException">There is no VFIO here, or it may not be used.</exception>
    internal static VfioContainer Create()
    {
        var container = new VfioContainer(VfioError.Open(ContainerPath, "load the module vfio-pci, and start the kernel with the IOMMU on (intel_iommu=on)"));
        try
        {
            int version = Libc.IoctlNumber(container.Handle, Libc.VFIO_GET_API_VERSION, 0);
            if (version != Libc.VFIO_API_VERSION)
            {
                throw new IOException($"VFIO has version {version} of its interface; {Libc.VFIO_API_VERSION} is known here");
            }

            return Libc.IoctlNumber(container.Handle, Libc.VFIO_CHECK_EXTENSION, Libc.VFIO_TYPE1v2_IOMMU) > 0
                ? container
                : throw new IOException("VFIO has no type1 IOMMU driver here; load the module vfio_iommu_type1");
        }
        catch
        {
            container.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    internal override SafeFileHandle Open(PciAddress address)
    {
        int number = GroupOf(address);
        if (!_groups.TryGetValue(number, out VfioGroup? group))
        {
            group = VfioGroup.Open(number);
            try
            {
                group.Join(Handle, isFirst: _groups.Count == 0);
                _groups.Add(number, group);
            }
            catch
            {
                group.Dispose();
                throw;
            }
        }

        return group.OpenDevice(address);
    }

    /// <inheritdoc/>
    internal override (ulong PageSize, List<(ulong First, ulong Last)> Ranges) ReadLimits()
    {
        const int FirstTry = 4096;
        byte[] info = new byte[FirstTry];
        Libc.VfioIommuInfo head = GetInfo(ref info);
        ulong pageSize = (head.Flags & Libc.VFIO_IOMMU_INFO_PGSIZES) != 0 && head.PageSizes != 0 ? 1ul << BitOperations.TrailingZeroCount(head.PageSizes) : 0;
        List<(ulong First, ulong Last)> ranges = (head.Flags & Libc.VFIO_IOMMU_INFO_CAPS) == 0 ? []
            : VfioCapabilities.IovaRanges(VfioCapabilities.Find(info, head.CapabilityOffset, Libc.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE));

        // Kernels before 5.4 do not say: the least that a VT-d has, without the messages' addresses.
        return (pageSize, ranges.Count > 0 ? ranges : [(0, 0xfedf_ffff), (0xfef0_0000, (1ul << 39) - 1)]);
    }

    /// <inheritdoc/>
    internal override void Map(ulong address, ulong iova, ulong length, DmaAccess access)
    {
        Libc.VfioDmaMap map = new()
        {
            Size = (uint)sizeof(Libc.VfioDmaMap),
            Flags = (access.HasFlag(DmaAccess.Read) ? Libc.VFIO_DMA_MAP_FLAG_READ : 0) | (access.HasFlag(DmaAccess.Write) ? Libc.VFIO_DMA_MAP_FLAG_WRITE : 0),
            Address = address,
            Iova = iova,
            Length = length,
        };
        if (Libc.IoctlRetried(Handle, Libc.VFIO_IOMMU_MAP_DMA, &map) < 0)
        {
            int errno = Errno.Last;
            throw LinuxError.Io($"cannot map {length} bytes for devices", "VFIO_IOMMU_MAP_DMA", errno, errno switch
            {
                Errno.ENOMEM => RaiseLimit,
                Errno.ENOSPC => "there are too many mappings; raise dma_entry_limit of the module vfio_iommu_type1",
                Errno.EFAULT => "the pages cannot be reached for that access",
                _ => null,
            });
        }
    }

    /// <inheritdoc/>
    internal override void Unmap(ulong iova, ulong length)
    {
        Libc.VfioDmaUnmap unmap = new() { Size = (uint)sizeof(Libc.VfioDmaUnmap), Iova = iova, Length = length };
        int errno = Libc.IoctlRetried(Handle, Libc.VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? Errno.Last : 0;

        // Where the last function went away, the IOMMU's tables went with it: the kernel takes out every mapping first (none is left to take), then the driver (the request is unknown).
        bool isGone = errno == 0 ? unmap.Length == 0 : errno == Errno.EINVAL && IsEmpty();
        if (!isGone && (errno != 0 || unmap.Length != length))
        {
            throw NotUnmapped("VFIO_IOMMU_UNMAP_DMA", iova, length, unmap.Length, errno);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (VfioGroup group in _groups.Values)
        {
            group.Dispose();
        }

        Handle.Dispose();
    }

    /// <summary>Whether no function is in it any more.</summary>
    private bool IsEmpty()
    {
        Libc.VfioIommuInfo head = new() { Size = (uint)sizeof(Libc.VfioIommuInfo) };
        return Libc.Ioctl(Handle, Libc.VFIO_IOMMU_GET_INFO, &head) < 0;
    }

    private Libc.VfioIommuInfo GetInfo(ref byte[] info)
    {
        while (true)
        {
            Libc.VfioIommuInfo head = new() { Size = (uint)info.Length };
            MemoryMarshal.Write(info, in head);
            fixed (byte* start = info)
            {
                if (Libc.Ioctl(Handle, Libc.VFIO_IOMMU_GET_INFO, start) < 0)
                {
                    throw LinuxError.Io("cannot ask the IOMMU for its limits", "VFIO_IOMMU_GET_INFO", Errno.Last, "the descriptor has to be a DMA space of VFIO with a function in it");
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
