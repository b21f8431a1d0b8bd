using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>DMA of a device model behind QEMU's VT-d.</summary>
[Trait("Category", "Device")]
public sealed class DmaTests
{
    private const ulong Value = 0x1122_3344_5566_7788;
    private const ulong Old = 0xeeee_eeee_eeee_eeee;

    public static TheoryData<string> Units =>
    [
        ",aw-bits=39,caching-mode=off", ",aw-bits=39,caching-mode=on", ",aw-bits=48,caching-mode=off", ",aw-bits=48,caching-mode=on",
    ];

    [SkippableTheory]
    [MemberData(nameof(Units))]
    public void DMA_in_the_domain_works_and_outside_changes_nothing_and_is_reported(string unit)
    {
        using VtdBed bed = VtdBed.Start(unit);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory inside = domain.Allocate(8192);
        using DmaMemory outside = bed.Machine.Physical.Allocate(4096);
        SharedMemory words = inside.View(0, 8192);
        SharedMemory foreign = outside.View(0, 4096);
        words.ReleaseUInt64(0, Value);
        foreign.ReleaseUInt64(0, Old);
        using EduDevice edu = bed.Attach(domain);
        Assert.True(domain.IsProtected);
        Assert.NotEqual(inside.Iova, PhysicalOf(bed, inside));

        edu.Load(inside.Iova);
        edu.Store(inside.Iova + 4096);
        Assert.Equal(Value, words.AcquireUInt64(4096));
        Assert.Empty(bed.TakeFaults());

        // Physical addresses mean nothing to it.
        edu.Store(outside.Iova);
        Assert.Equal(Old, foreign.AcquireUInt64(0));
        AssertFault(bed, edu, outside.Iova, DmaAccess.Write);

        // What it may not read it does not get: the buffer goes back without it.
        edu.Load(outside.Iova + 8);
        AssertFault(bed, edu, outside.Iova, DmaAccess.Read);
        edu.Store(inside.Iova + 4096);
        Assert.NotEqual(Old, words.AcquireUInt64(4096));
        Assert.Empty(bed.TakeFaults());
    }

    [SkippableTheory]
    [MemberData(nameof(Units))]
    public void A_device_that_nobody_put_into_a_domain_reaches_nothing(string unit)
    {
        using VtdBed bed = VtdBed.Start(unit, devices: 2);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = domain.Allocate(4096);
        memory.View(0, 8).ReleaseUInt64(0, Old);
        using EduDevice edu = bed.Open(domain);
        edu.Store(memory.Iova);
        IommuFault fault = AssertFault(bed, edu, memory.Iova, DmaAccess.Write);
        Assert.Equal(1, fault.Reason);
        Assert.Equal("0000:00:04.0 was kept from writing page 0x1000: no device on its bus is in a domain", fault.ToString());

        // Another of its bus is in one.
        using EduDevice other = bed.Attach(domain, 1);
        edu.Store(memory.Iova);
        Assert.Equal(2, AssertFault(bed, edu, memory.Iova, DmaAccess.Write).Reason);
        Assert.Equal(Old, memory.View(0, 8).AcquireUInt64(0));

        // In, and out again.
        domain.Attach(edu.Address);
        edu.Store(memory.Iova);
        Assert.NotEqual(Old, memory.View(0, 8).AcquireUInt64(0));
        Assert.Empty(bed.TakeFaults());
        domain.Detach(edu.Address);
        memory.View(0, 8).ReleaseUInt64(0, Old);
        edu.Store(memory.Iova);
        Assert.Equal(2, AssertFault(bed, edu, memory.Iova, DmaAccess.Write).Reason);
        Assert.Equal(Old, memory.View(0, 8).AcquireUInt64(0));
    }

    [SkippableFact]
    public void Memory_is_reached_only_in_the_way_that_was_granted()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory readable = bed.Machine.Physical.Allocate(4096);
        using DmaMemory writable = bed.Machine.Physical.Allocate(4096);
        using DmaMapping toRead = domain.Map(readable, DmaAccess.Read);
        using DmaMapping toWrite = domain.Map(writable, DmaAccess.Write);
        using EduDevice edu = bed.Attach(domain);

        // What is not granted first: QEMU reports it only while it has no translation of the page cached.
        readable.View(0, 8).ReleaseUInt64(0, Old);
        edu.Store(toRead.Iova);
        Assert.Equal(5, AssertFault(bed, edu, toRead.Iova, DmaAccess.Write).Reason);
        edu.Load(toWrite.Iova);
        Assert.Equal(6, AssertFault(bed, edu, toWrite.Iova, DmaAccess.Read).Reason);
        Assert.Equal(Old, readable.View(0, 8).AcquireUInt64(0));

        readable.View(0, 8).ReleaseUInt64(0, Value);
        edu.Load(toRead.Iova);
        edu.Store(toWrite.Iova);
        Assert.Equal(Value, writable.View(0, 8).AcquireUInt64(0));
        edu.Store(toRead.Iova + 8);
        Assert.Equal(0ul, readable.View(8, 8).AcquireUInt64(0));
        Assert.Empty(bed.TakeFaults());
    }

    [SkippableTheory]
    [MemberData(nameof(Units))]
    public void Two_domains_are_apart(string unit)
    {
        using VtdBed bed = VtdBed.Start(unit, devices: 2);
        using IommuDomain first = bed.Iommu.CreateDomain();
        using IommuDomain second = bed.Iommu.CreateDomain();
        using DmaMemory firstMemory = first.Allocate(4096);
        using DmaMemory secondMemory = second.Allocate(8192);
        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(firstMemory.Iova, secondMemory.Iova); // The same address, and not the same memory.
        firstMemory.View(0, 8).ReleaseUInt64(0, 1);
        secondMemory.View(0, 8).ReleaseUInt64(0, 2);
        using EduDevice a = bed.Attach(first, 0);
        using EduDevice b = bed.Attach(second, 1);
        a.Load(firstMemory.Iova);
        b.Load(secondMemory.Iova);
        a.Store(firstMemory.Iova + 8);
        b.Store(secondMemory.Iova + 8);
        Assert.Equal(1ul, firstMemory.View(8, 8).AcquireUInt64(0));
        Assert.Equal(2ul, secondMemory.View(8, 8).AcquireUInt64(0));
        Assert.Empty(bed.TakeFaults());
        a.Store(secondMemory.Iova + 4096);
        AssertFault(bed, a, secondMemory.Iova + 4096, DmaAccess.Write);
        Assert.Equal(0ul, secondMemory.View(4096, 8).AcquireUInt64(0));

        IommuException e = Assert.Throws<IommuException>(() => second.Attach(a.Address));
        Assert.Contains("is in domain 1 already", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void More_faults_than_the_unit_records_are_told_of()
    {
        using VtdBed bed = VtdBed.Start(devices: 2);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice a = bed.Attach(domain, 0);
        using EduDevice b = bed.Attach(domain, 1);
        a.Store(0x5000_0000);
        b.Store(0x6000_0000);
        List<IommuFault> faults = [];
        Assert.True(bed.Iommu.TakeFaults(faults));
        Assert.Equal(a.Address, Assert.Single(faults).Device);

        // Recording goes on.
        b.Store(0x6000_0000);
        AssertFault(bed, b, 0x6000_0000, DmaAccess.Write);
    }

    [SkippableFact]
    public void A_domain_that_ends_takes_its_devices_off()
    {
        using VtdBed bed = VtdBed.Start();
        IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory physical = bed.Machine.Physical.Allocate(4096);
        DmaMapping mapping = domain.Map(physical, DmaAccess.ReadWrite);
        using EduDevice edu = bed.Attach(domain);
        edu.Store(mapping.Iova);
        domain.Dispose();
        mapping.Dispose();
        physical.View(0, 8).ReleaseUInt64(0, Old);
        edu.Store(mapping.Iova);
        Assert.Equal(Old, physical.View(0, 8).AcquireUInt64(0));
        AssertFault(bed, edu, mapping.Iova, DmaAccess.Write);
        Assert.Throws<ObjectDisposedException>(() => domain.Attach(edu.Address));
        Assert.Throws<ObjectDisposedException>(() => domain.Map(physical, DmaAccess.Read));
    }

    [SkippableFact]
    public void A_second_program_takes_the_units_over_as_the_first_left_them()
    {
        using VtdBed bed = VtdBed.Start();
        IommuDomain old = bed.Iommu.CreateDomain();
        using DmaMemory memory = bed.Machine.Physical.Allocate(4096);
        DmaMapping oldMapping = old.Map(memory, DmaAccess.ReadWrite);
        using EduDevice edu = bed.Attach(old);
        edu.Store(oldMapping.Iova);
        Assert.Empty(bed.TakeFaults());

        // The first is killed. Its device is off, although the unit had the way to its memory cached.
        bed.Abandon();
        using IommuHost second = IommuHost.Open(bed.Machine);
        memory.View(0, 8).ReleaseUInt64(0, Old);
        edu.Store(oldMapping.Iova);
        Assert.Equal(Old, memory.View(0, 8).AcquireUInt64(0));
        List<IommuFault> faults = [];
        second.TakeFaults(faults);
        Assert.Equal(1, Assert.Single(faults).Reason);
        using IommuDomain domain = second.CreateDomain();
        using DmaMapping mapping = domain.Map(memory, DmaAccess.ReadWrite);
        domain.Attach(edu.Address);
        edu.Store(mapping.Iova);
        Assert.NotEqual(Old, memory.View(0, 8).AcquireUInt64(0));
        domain.Detach(edu.Address);
    }

    private static ulong PhysicalOf(VtdBed bed, DmaMemory memory)
    {
        int hint = 0;
        Assert.True(bed.Machine.Physical.TryTranslate(memory.Address, 1, ref hint, out ulong physical));
        return physical;
    }

    private static IommuFault AssertFault(VtdBed bed, EduDevice device, ulong address, DmaAccess access)
    {
        IommuFault fault = Assert.Single(bed.TakeFaults());
        Assert.Equal((IommuFaultKind.Dma, device.Address, address, access), (fault.Kind, fault.Device, fault.Address, fault.Access));
        return fault;
    }
}
