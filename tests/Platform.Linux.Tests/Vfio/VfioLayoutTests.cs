using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>VFIO's structures and requests, as <c>linux/vfio.h</c> and <c>linux/iommufd.h</c> have them.</summary>
public sealed class VfioLayoutTests
{
    [Fact]
    public void Structures_that_describe()
    {
        Assert.Equal(8, Unsafe.SizeOf<Libc.VfioGroupStatus>());
        Assert.Equal(24, Unsafe.SizeOf<Libc.VfioDeviceInfo>());
        Assert.Equal(16, Offset<Libc.VfioDeviceInfo>(nameof(Libc.VfioDeviceInfo.CapabilityOffset)));
        Assert.Equal(32, Unsafe.SizeOf<Libc.VfioRegionInfo>());
        Assert.Equal(12, Offset<Libc.VfioRegionInfo>(nameof(Libc.VfioRegionInfo.CapabilityOffset)));
        Assert.Equal(16, Offset<Libc.VfioRegionInfo>(nameof(Libc.VfioRegionInfo.Length)));
        Assert.Equal(24, Offset<Libc.VfioRegionInfo>(nameof(Libc.VfioRegionInfo.Offset)));
        Assert.Equal(8, Unsafe.SizeOf<Libc.VfioCapabilityHeader>());
        Assert.Equal(4, Offset<Libc.VfioCapabilityHeader>(nameof(Libc.VfioCapabilityHeader.Next)));
    }

    [Fact]
    public void Structures_of_interrupts()
    {
        Assert.Equal(16, Unsafe.SizeOf<Libc.VfioIrqInfo>());
        Assert.Equal(12, Offset<Libc.VfioIrqInfo>(nameof(Libc.VfioIrqInfo.Count)));
        Assert.Equal(20, Unsafe.SizeOf<Libc.VfioIrqSet>());
        Assert.Equal(16, Offset<Libc.VfioIrqSet>(nameof(Libc.VfioIrqSet.Count)));
    }

    [Fact]
    public void Structures_of_DMA()
    {
        Assert.Equal(24, Unsafe.SizeOf<Libc.VfioIommuInfo>());
        Assert.Equal(8, Offset<Libc.VfioIommuInfo>(nameof(Libc.VfioIommuInfo.PageSizes)));
        Assert.Equal(16, Offset<Libc.VfioIommuInfo>(nameof(Libc.VfioIommuInfo.CapabilityOffset)));
        Assert.Equal(32, Unsafe.SizeOf<Libc.VfioDmaMap>());
        Assert.Equal(8, Offset<Libc.VfioDmaMap>(nameof(Libc.VfioDmaMap.Address)));
        Assert.Equal(16, Offset<Libc.VfioDmaMap>(nameof(Libc.VfioDmaMap.Iova)));
        Assert.Equal(24, Unsafe.SizeOf<Libc.VfioDmaUnmap>());
        Assert.Equal(8, Offset<Libc.VfioDmaUnmap>(nameof(Libc.VfioDmaUnmap.Iova)));
    }

    [Fact]
    public void Structures_of_iommufd()
    {
        Assert.Equal(16, Unsafe.SizeOf<Libc.VfioDeviceBindIommufd>());
        Assert.Equal(8, Offset<Libc.VfioDeviceBindIommufd>(nameof(Libc.VfioDeviceBindIommufd.Iommufd)));
        Assert.Equal(12, Offset<Libc.VfioDeviceBindIommufd>(nameof(Libc.VfioDeviceBindIommufd.DeviceId)));
        Assert.Equal(12, Unsafe.SizeOf<Libc.VfioDeviceAttachIommufdPt>());
        Assert.Equal(8, Offset<Libc.VfioDeviceAttachIommufdPt>(nameof(Libc.VfioDeviceAttachIommufdPt.PageTableId)));
        Assert.Equal(12, Unsafe.SizeOf<Libc.IommuIoasAlloc>());
        Assert.Equal(8, Offset<Libc.IommuIoasAlloc>(nameof(Libc.IommuIoasAlloc.IoasId)));
        Assert.Equal(12, Unsafe.SizeOf<Libc.IommuVfioIoas>());
        Assert.Equal(4, Offset<Libc.IommuVfioIoas>(nameof(Libc.IommuVfioIoas.IoasId)));
        Assert.Equal(8, Offset<Libc.IommuVfioIoas>(nameof(Libc.IommuVfioIoas.Operation)));
    }

    [Fact]
    public void Structures_of_an_IO_address_space()
    {
        Assert.Equal(16, Unsafe.SizeOf<Libc.IommuIovaRange>());
        Assert.Equal(8, Offset<Libc.IommuIovaRange>(nameof(Libc.IommuIovaRange.Last)));
        Assert.Equal(32, Unsafe.SizeOf<Libc.IommuIoasIovaRanges>());
        Assert.Equal(8, Offset<Libc.IommuIoasIovaRanges>(nameof(Libc.IommuIoasIovaRanges.Count)));
        Assert.Equal(16, Offset<Libc.IommuIoasIovaRanges>(nameof(Libc.IommuIoasIovaRanges.Ranges)));
        Assert.Equal(24, Offset<Libc.IommuIoasIovaRanges>(nameof(Libc.IommuIoasIovaRanges.Alignment)));
        Assert.Equal(40, Unsafe.SizeOf<Libc.IommuIoasMap>());
        Assert.Equal(4, Offset<Libc.IommuIoasMap>(nameof(Libc.IommuIoasMap.Flags)));
        Assert.Equal(8, Offset<Libc.IommuIoasMap>(nameof(Libc.IommuIoasMap.IoasId)));
        Assert.Equal(16, Offset<Libc.IommuIoasMap>(nameof(Libc.IommuIoasMap.Address)));
        Assert.Equal(24, Offset<Libc.IommuIoasMap>(nameof(Libc.IommuIoasMap.Length)));
        Assert.Equal(32, Offset<Libc.IommuIoasMap>(nameof(Libc.IommuIoasMap.Iova)));
        Assert.Equal(24, Unsafe.SizeOf<Libc.IommuIoasUnmap>());
        Assert.Equal(4, Offset<Libc.IommuIoasUnmap>(nameof(Libc.IommuIoasUnmap.IoasId)));
        Assert.Equal(8, Offset<Libc.IommuIoasUnmap>(nameof(Libc.IommuIoasUnmap.Iova)));
        Assert.Equal(16, Offset<Libc.IommuIoasUnmap>(nameof(Libc.IommuIoasUnmap.Length)));
    }

    [Fact]
    public void Requests_of_iommufd()
    {
        // _IO(';', number): the type in bits 8 to 15.
        static nuint Request(uint number) => (';' << 8) | number;
        Assert.Equal([Request(100 + 18), Request(100 + 19)], [Libc.VFIO_DEVICE_BIND_IOMMUFD, Libc.VFIO_DEVICE_ATTACH_IOMMUFD_PT]);
        Assert.Equal(
            [Request(0x81), Request(0x84), Request(0x85), Request(0x86), Request(0x88)],
            [Libc.IOMMU_IOAS_ALLOC, Libc.IOMMU_IOAS_IOVA_RANGES, Libc.IOMMU_IOAS_MAP, Libc.IOMMU_IOAS_UNMAP, Libc.IOMMU_VFIO_IOAS]);
    }

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
