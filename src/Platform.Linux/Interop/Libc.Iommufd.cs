using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>iommufd: structures and requests of <c>linux/iommufd.h</c>, and those of <c>linux/vfio.h</c> that need one. Each structure starts with its length.</summary>
internal static partial class Libc
{
    internal const nuint VFIO_DEVICE_BIND_IOMMUFD = 0x3b76;
    internal const nuint VFIO_DEVICE_ATTACH_IOMMUFD_PT = 0x3b77;

    internal const nuint IOMMU_IOAS_ALLOC = 0x3b81;
    internal const nuint IOMMU_IOAS_IOVA_RANGES = 0x3b84;
    internal const nuint IOMMU_IOAS_MAP = 0x3b85;
    internal const nuint IOMMU_IOAS_UNMAP = 0x3b86;
    internal const nuint IOMMU_VFIO_IOAS = 0x3b88;

    internal const uint IOMMU_IOAS_MAP_FIXED_IOVA = 1;
    internal const uint IOMMU_IOAS_MAP_WRITEABLE = 2;
    internal const uint IOMMU_IOAS_MAP_READABLE = 4;

    internal const ushort IOMMU_VFIO_IOAS_GET = 0;
    internal const ushort IOMMU_VFIO_IOAS_SET = 1;

    /// <summary><c>struct vfio_device_bind_iommufd</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioDeviceBindIommufd
    {
        internal uint Size;
        internal uint Flags;
        internal int Iommufd;
        internal uint DeviceId;
    }

    /// <summary><c>struct vfio_device_attach_iommufd_pt</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct VfioDeviceAttachIommufdPt
    {
        internal uint Size;
        internal uint Flags;

        /// <summary>An address space; the kernel returns the table that it chose.</summary>
        internal uint PageTableId;
    }

    /// <summary><c>struct iommu_ioas_alloc</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IommuIoasAlloc
    {
        internal uint Size;
        internal uint Flags;
        internal uint IoasId;
    }

    /// <summary><c>struct iommu_iova_range</c>; both ends belong to it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IommuIovaRange
    {
        internal ulong First;
        internal ulong Last;
    }

    /// <summary><c>struct iommu_ioas_iova_ranges</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IommuIoasIovaRanges
    {
        internal uint Size;
        internal uint IoasId;

        /// <summary>Room in the list; the kernel returns how many there are.</summary>
        internal uint Count;
        internal uint Reserved;
        internal ulong Ranges;
        internal ulong Alignment;
    }

    /// <summary><c>struct iommu_ioas_map</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IommuIoasMap
    {
        internal uint Size;
        internal uint Flags;
        internal uint IoasId;
        internal uint Reserved;
        internal ulong Address;
        internal ulong Length;
        internal ulong Iova;
    }

    /// <summary><c>struct iommu_ioas_unmap</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IommuIoasUnmap
    {
        internal uint Size;
        internal uint IoasId;
        internal ulong Iova;

        /// <summary>The kernel returns how many bytes were unmapped.</summary>
        internal ulong Length;
    }

    /// <summary><c>struct iommu_vfio_ioas</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IommuVfioIoas
    {
        internal uint Size;
        internal uint IoasId;
        internal ushort Operation;
        internal ushort Reserved;
    }
}
