using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// An I/O address space (IOAS) of an iommufd that has no other. Its number goes with the descriptor: the kernel keeps it as the one for VFIO, so that who is given the descriptor
/// can ask for it.
/// </summary>
internal sealed unsafe class IommufdSpace : IoAddressSpace
{
    private const string IommufdPath = "/dev/iommu";

    private readonly uint _id;

    private IommufdSpace(SafeFileHandle handle, uint id)
    {
        Handle = handle;
        _id = id;
    }

    /// <inheritdoc/>
    internal override VfioInterface Interface => VfioInterface.Iommufd;

    /// <inheritdoc/>
    internal override SafeFileHandle Handle { get; }

    /// <summary>Makes an empty one.</summary>
    /// <exception cref="IOException">There is no iommufd here, or it may not be used.</exception>
    internal static IommufdSpace Create()
    {
        SafeFileHandle iommufd = VfioError.Open(IommufdPath, "load the module iommufd");
        try
        {
            Libc.IommuIoasAlloc alloc = new() { Size = (uint)sizeof(Libc.IommuIoasAlloc) };
            Ask(iommufd, Libc.IOMMU_IOAS_ALLOC, &alloc, "cannot make an address space for devices", "IOMMU_IOAS_ALLOC");
            Libc.IommuVfioIoas keep = new() { Size = (uint)sizeof(Libc.IommuVfioIoas), Operation = Libc.IOMMU_VFIO_IOAS_SET, IoasId = alloc.IoasId };
            Ask(iommufd, Libc.IOMMU_VFIO_IOAS, &keep, "cannot keep the number of the address space", "IOMMU_VFIO_IOAS");
            return new IommufdSpace(iommufd, alloc.IoasId);
        }
        catch
        {
            iommufd.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a descriptor.</summary>
    /// <returns>Null where it is no iommufd, or one without a space for VFIO; the descriptor is left as it is then.</returns>
    internal static IommufdSpace? TryAdopt(SafeFileHandle handle)
    {
        Libc.IommuVfioIoas kept = new() { Size = (uint)sizeof(Libc.IommuVfioIoas), Operation = Libc.IOMMU_VFIO_IOAS_GET };
        return Libc.Ioctl(handle, Libc.IOMMU_VFIO_IOAS, &kept) == 0 ? new IommufdSpace(handle, kept.IoasId) : null;
    }

    /// <summary>Whether a process has a function open, on a kernel that has no files of groups to tell. Nobody has it while this looks.</summary>
    internal static bool IsTaken(PciAddress address)
    {
        using IommufdSpace space = Create();
        try
        {
            space.Bind(address, GroupOf(address)).Dispose();
            return false;
        }
        catch (IOException e) when (e.HResult is Errno.EBUSY or Errno.EINVAL)
        {
            return true;
        }
    }

    /// <inheritdoc/>
    internal override SafeFileHandle Open(PciAddress address)
    {
        SafeFileHandle device = Bind(address, GroupOf(address));
        try
        {
            Libc.VfioDeviceAttachIommufdPt attach = new() { Size = (uint)sizeof(Libc.VfioDeviceAttachIommufdPt), PageTableId = _id };
            Ask(device, Libc.VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach, $"cannot put {address} into the DMA space", "VFIO_DEVICE_ATTACH_IOMMUFD_PT", errno => errno switch
            {
                Errno.EPERM => RemapInterrupts,
                Errno.EADDRINUSE => "it cannot have addresses that are mapped already; open all functions of a space before anything is mapped",
                _ => "its IOMMU may differ from that of the functions that are in it; use a space of its own",
            });
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    internal override (ulong PageSize, List<(ulong First, ulong Last)> Ranges) ReadLimits()
    {
        const int FirstTry = 16;
        for (uint room = FirstTry; ;)
        {
            var found = new Libc.IommuIovaRange[room];
            fixed (Libc.IommuIovaRange* start = found)
            {
                Libc.IommuIoasIovaRanges ranges = new() { Size = (uint)sizeof(Libc.IommuIoasIovaRanges), IoasId = _id, Count = room, Ranges = (ulong)start };
                if (Libc.Ioctl(Handle, Libc.IOMMU_IOAS_IOVA_RANGES, &ranges) == 0)
                {
                    return (ranges.Alignment, [.. found.Take((int)ranges.Count).Select(r => (r.First, r.Last))]);
                }

                int errno = Errno.Last;
                room = errno == Errno.EMSGSIZE && ranges.Count > room ? ranges.Count
                    : throw LinuxError.Io("cannot ask the IOMMU for its limits", "IOMMU_IOAS_IOVA_RANGES", errno);
            }
        }
    }

    /// <inheritdoc/>
    internal override void Map(ulong address, ulong iova, ulong length, DmaAccess access)
    {
        Libc.IommuIoasMap map = new()
        {
            Size = (uint)sizeof(Libc.IommuIoasMap),
            Flags = Libc.IOMMU_IOAS_MAP_FIXED_IOVA
                | (access.HasFlag(DmaAccess.Read) ? Libc.IOMMU_IOAS_MAP_READABLE : 0) | (access.HasFlag(DmaAccess.Write) ? Libc.IOMMU_IOAS_MAP_WRITEABLE : 0),
            IoasId = _id,
            Address = address,
            Length = length,
            Iova = iova,
        };
        Ask(Handle, Libc.IOMMU_IOAS_MAP, &map, $"cannot map {length} bytes for devices", "IOMMU_IOAS_MAP", errno => errno switch
        {
            Errno.ENOMEM => RaiseLimit,
            Errno.EFAULT => "the pages cannot be reached for that access",
            _ => null,
        });
    }

    /// <inheritdoc/>
    internal override void Unmap(ulong iova, ulong length)
    {
        Libc.IommuIoasUnmap unmap = new() { Size = (uint)sizeof(Libc.IommuIoasUnmap), IoasId = _id, Iova = iova, Length = length };
        int errno = Libc.IoctlRetried(Handle, Libc.IOMMU_IOAS_UNMAP, &unmap) < 0 ? Errno.Last : 0;
        if (errno != 0 || unmap.Length != length)
        {
            throw NotUnmapped("IOMMU_IOAS_UNMAP", iova, length, errno == 0 ? unmap.Length : 0, errno);
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => Handle.Dispose();

    /// <summary>Opens a function and gives its DMA to this iommufd: it reaches nothing until it is in a space.</summary>
    private SafeFileHandle Bind(PciAddress address, int group)
    {
        string name = SysfsPci.VfioDeviceOf(SysfsPci.Root, address) ?? throw new IOException($"cannot open {address}: it is not bound to vfio-pci; bind it first");
        SafeFileHandle device = VfioError.Open($"/dev/vfio/devices/{name}", "it is not bound to vfio-pci any more, or nobody made the file (udev)");
        bool held = false;
        try
        {
            Handle.DangerousAddRef(ref held);
            Libc.VfioDeviceBindIommufd bind = new() { Size = (uint)sizeof(Libc.VfioDeviceBindIommufd), Iommufd = (int)Handle.DangerousGetHandle() };
            Ask(device, Libc.VFIO_DEVICE_BIND_IOMMUFD, &bind, $"cannot open {address}", "VFIO_DEVICE_BIND_IOMMUFD", errno => errno switch
            {
                Errno.EPERM => RemapInterrupts,
                Errno.EINVAL => "another process has it open",
                Errno.EBUSY => $"another process, or a host driver, has a function of IOMMU group {group}: {string.Join(", ", SysfsPci.DriversInGroup(SysfsPci.Root, group))}; a group has one user, and its functions are bound to vfio-pci or to none",
                _ => null,
            });
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
        finally
        {
            if (held)
            {
                Handle.DangerousRelease();
            }
        }
    }

    private static void Ask(SafeFileHandle file, nuint request, void* argument, string what, string name, Func<int, string?>? advice = null)
    {
        if (Libc.IoctlRetried(file, request, argument) < 0)
        {
            int errno = Errno.Last;
            throw LinuxError.Io(what, name, errno, advice?.Invoke(errno));
        }
    }
}
