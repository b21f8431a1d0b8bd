using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>VFIO's structures and requests, as <c>linux/vfio.h</c> has them.</summary>
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

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
