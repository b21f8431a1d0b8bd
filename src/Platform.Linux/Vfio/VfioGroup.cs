using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>An IOMMU group: the functions that the IOMMU cannot tell apart or keep from each other, which have one user together.</summary>
internal sealed unsafe class VfioGroup : IDisposable
{
    private readonly SafeFileHandle _group;
    private readonly int _number;

    private VfioGroup(SafeFileHandle group, int number)
    {
        _group = group;
        _number = number;
    }

    /// <summary>Whether a process has a group open, or a function of it.</summary>
    /// <returns>Null where the kernel has no files of groups.</returns>
    internal static bool? IsTaken(int number)
    {
        int fd = Libc.Open($"/dev/vfio/{number}", Libc.O_RDWR | Libc.O_CLOEXEC);
        if (fd < 0)
        {
            int errno = Errno.Last;
            return errno == Errno.ENOENT ? null : errno == Errno.EBUSY;
        }

        new SafeFileHandle(fd, ownsHandle: true).Dispose();
        return false;
    }

    /// <summary>Opens a group.</summary>
    /// <exception cref="IOException">It cannot be had, or one of its functions has another driver.</exception>
    internal static VfioGroup Open(int number)
    {
        var group = new VfioGroup(VfioError.Open($"/dev/vfio/{number}", $"no function of IOMMU group {number} is bound to vfio-pci; bind it first"), number);
        Libc.VfioGroupStatus status = new() { Size = (uint)sizeof(Libc.VfioGroupStatus) };
        if (Libc.Ioctl(group._group, Libc.VFIO_GROUP_GET_STATUS, &status) < 0)
        {
            int errno = Errno.Last;
            group.Dispose();
            throw LinuxError.Io($"cannot ask for the state of IOMMU group {number}", "VFIO_GROUP_GET_STATUS", errno);
        }

        if ((status.Flags & Libc.VFIO_GROUP_FLAGS_VIABLE) == 0)
        {
            group.Dispose();
            throw new IOException($"IOMMU group {number} has functions with other drivers, which the IOMMU cannot keep from this one: {string.Join(", ", SysfsPci.DriversInGroup(SysfsPci.Root, number))}; bind all of them to vfio-pci or to none");
        }

        return group;
    }

    /// <summary>Puts the group into a container; the first decides on the container's IOMMU driver.</summary>
    internal void Join(SafeFileHandle container, bool isFirst)
    {
        bool held = false;
        container.DangerousAddRef(ref held);
        try
        {
            int fd = (int)container.DangerousGetHandle();
            if (Libc.Ioctl(_group, Libc.VFIO_GROUP_SET_CONTAINER, &fd) < 0)
            {
                throw LinuxError.Io($"cannot put IOMMU group {_number} into the DMA space", "VFIO_GROUP_SET_CONTAINER", Errno.Last, "its IOMMU may differ from that of the functions that are in it; use a space of its own");
            }
        }
        finally
        {
            container.DangerousRelease();
        }

        if (isFirst && Libc.IoctlNumber(container, Libc.VFIO_SET_IOMMU, Libc.VFIO_TYPE1v2_IOMMU) < 0)
        {
            int errno = Errno.Last;
            throw LinuxError.Io($"cannot use the IOMMU for group {_number}", "VFIO_SET_IOMMU", errno, errno == Errno.EPERM
                ? IoAddressSpace.RemapInterrupts
                : null);
        }
    }

    /// <summary>Opens a function of the group.</summary>
    internal SafeFileHandle OpenDevice(PciAddress address)
    {
        byte[] name = Encoding.ASCII.GetBytes(address + "\0");
        fixed (byte* text = name)
        {
            int fd = Libc.Ioctl(_group, Libc.VFIO_GROUP_GET_DEVICE_FD, text);
            int errno = fd < 0 ? Errno.Last : 0;
            return fd >= 0
                ? new SafeFileHandle(fd, ownsHandle: true)
                : throw LinuxError.Io($"cannot open {address} of IOMMU group {_number}", "VFIO_GROUP_GET_DEVICE_FD", errno, errno switch
                {
                    Errno.ENODEV => "it is not bound to vfio-pci; bind it first",
                    Errno.EBUSY => "it is open already",
                    _ => null,
                });
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _group.Dispose();
}
