using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>VFIO: structures and requests of <c>linux/vfio.h</c>. Each structure starts with its length, by which the kernel tells versions apart.</summary>
internal static unsafe partial class Libc
{
    internal const int VFIO_API_VERSION = 0;
    internal const int VFIO_TYPE1v2_IOMMU = 3;

    internal const nuint VFIO_GET_API_VERSION = 0x3b64;
    internal const nuint VFIO_CHECK_EXTENSION = 0x3b65;
    internal const nuint VFIO_SET_IOMMU = 0x3b66;
    internal const nuint VFIO_GROUP_GET_STATUS = 0x3b67;
    internal const nuint VFIO_GROUP_SET_CONTAINER = 0x3b68;
    internal const nuint VFIO_GROUP_GET_DEVICE_FD = 0x3b6a;
    internal const nuint VFIO_DEVICE_GET_INFO = 0x3b6b;
    internal const nuint VFIO_DEVICE_GET_REGION_INFO = 0x3b6c;
    internal const nuint VFIO_DEVICE_GET_IRQ_INFO = 0x3b6d;
    internal const nuint VFIO_DEVICE_SET_IRQS = 0x3b6e;
    internal const nuint VFIO_DEVICE_RESET = 0x3b6f;
    internal const nuint VFIO_IOMMU_GET_INFO = 0x3b70;
    internal const nuint VFIO_IOMMU_MAP_DMA = 0x3b71;
    internal const nuint VFIO_IOMMU_UNMAP_DMA = 0x3b72;

    internal const uint VFIO_GROUP_FLAGS_VIABLE = 1;

    internal const uint VFIO_DEVICE_FLAGS_RESET = 1;
    internal const uint VFIO_DEVICE_FLAGS_PCI = 2;

    internal const uint VFIO_REGION_INFO_FLAG_MMAP = 4;
    internal const uint VFIO_REGION_INFO_FLAG_CAPS = 8;
    internal const ushort VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1;

    internal const uint VFIO_PCI_CONFIG_REGION_INDEX = 7;
    internal const uint VFIO_PCI_INTX_IRQ_INDEX = 0;
    internal const uint VFIO_PCI_MSI_IRQ_INDEX = 1;
    internal const uint VFIO_PCI_MSIX_IRQ_INDEX = 2;
    internal const uint VFIO_PCI_REQ_IRQ_INDEX = 4;

    internal const uint VFIO_IRQ_SET_DATA_NONE = 1;
    internal const uint VFIO_IRQ_SET_DATA_EVENTFD = 4;
    internal const uint VFIO_IRQ_SET_ACTION_UNMASK = 16;
    internal const uint VFIO_IRQ_SET_ACTION_TRIGGER = 32;

    internal const uint VFIO_DMA_MAP_FLAG_READ = 1;
    internal const uint VFIO_DMA_MAP_FLAG_WRITE = 2;

    internal const uint VFIO_IOMMU_INFO_PGSIZES = 1;
    internal const uint VFIO_IOMMU_INFO_CAPS = 2;
    internal const ushort VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1;

    /// <summary><c>struct vfio_group_status</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioGroupStatus
    {
        internal uint Size;
        internal uint Flags;
    }

    /// <summary><c>struct vfio_device_info</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioDeviceInfo
    {
        internal uint Size;
        internal uint Flags;
        internal uint RegionCount;
        internal uint InterruptCount;
        internal uint CapabilityOffset;
        internal uint Padding;
    }

    /// <summary><c>struct vfio_region_info</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioRegionInfo
    {
        internal uint Size;
        internal uint Flags;
        internal uint Index;
        internal uint CapabilityOffset;
        internal ulong Length;
        internal ulong Offset;
    }

    /// <summary><c>struct vfio_irq_info</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioIrqInfo
    {
        internal uint Size;
        internal uint Flags;
        internal uint Index;
        internal uint Count;
    }

    /// <summary><c>struct vfio_irq_set</c>; its data follows.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioIrqSet
    {
        internal uint Size;
        internal uint Flags;
        internal uint Index;
        internal uint Start;
        internal uint Count;
    }

    /// <summary><c>struct vfio_info_cap_header</c>: the head of a capability in what an information request returned.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioCapabilityHeader
    {
        internal ushort Id;
        internal ushort Version;

        /// <summary>Offset of the next from the start of the structure, or 0.</summary>
        internal uint Next;
    }

    /// <summary><c>struct vfio_iommu_type1_info</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioIommuInfo
    {
        internal uint Size;
        internal uint Flags;

        /// <summary>A bit for each size of page, at the place of its length.</summary>
        internal ulong PageSizes;
        internal uint CapabilityOffset;
        internal uint Padding;
    }

    /// <summary><c>struct vfio_iommu_type1_dma_map</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioDmaMap
    {
        internal uint Size;
        internal uint Flags;
        internal ulong Address;
        internal ulong Iova;
        internal ulong Length;
    }

    /// <summary><c>struct vfio_iommu_type1_dma_unmap</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioDmaUnmap
    {
        internal uint Size;
        internal uint Flags;
        internal ulong Iova;
        internal ulong Length;
    }

    /// <summary>An <c>ioctl</c> whose argument is a number.</summary>
    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoctlNumber(SafeFileHandle fd, nuint request, nint argument);

    /// <summary>Makes sure of a call that must not be interrupted by a signal.</summary>
    internal static int IoctlRetried(SafeFileHandle fd, nuint request, void* argument)
    {
        int result;
        do
        {
            result = Ioctl(fd, request, argument);
        }
        while (result < 0 && Errno.Last == Errno.EINTR);

        return result;
    }
}
