using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>What is unmapped is gone, although the unit had it cached: QEMU's model caches translations as hardware does.</summary>
[Trait("Category", "Device")]
public sealed class UnmapTests
{
    private const ulong Page = 4096;
    private const ulong TwoMiB = 2 << 20;
    private const ulong OneGiB = 1 << 30;

    public static TheoryData<string> Units => [",aw-bits=39,caching-mode=off", ",aw-bits=48,caching-mode=on"];

    [SkippableTheory]
    [MemberData(nameof(Units))]
    public void Single_pages_are_gone(string unit)
    {
        using VtdBed bed = VtdBed.Start(unit);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory stays = domain.Allocate(Page);
        using DmaMemory memory = bed.Machine.Physical.Allocate(Page);
        DmaMapping mapping = domain.Map(memory, DmaAccess.ReadWrite);
        using EduDevice edu = bed.Attach(domain);
        Fill(edu, stays);
        AssertReached(edu, memory, 0, mapping.Iova);
        mapping.Dispose();
        AssertBlocked(bed, edu, memory, 0, mapping.Iova);
        AssertReached(edu, stays, 0, stays.Iova);

        // And reached again, at the same address, when mapped again.
        using DmaMapping again = domain.Map(memory, DmaAccess.ReadWrite);
        Assert.Equal(mapping.Iova, again.Iova);
        AssertReached(edu, memory, 0, again.Iova);
        Assert.Empty(bed.TakeFaults());
    }

    [SkippableTheory]
    [MemberData(nameof(Units))]
    public void Pages_of_2_MiB_are_gone_whole_or_in_part(string unit)
    {
        using VtdBed bed = VtdBed.Start(unit);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = bed.Machine.Physical.Allocate(3 * TwoMiB);
        int before = bed.Iommu.Memory.Pages;
        ulong physical = (memory.Iova + TwoMiB - 1) & ~(TwoMiB - 1);
        ulong start = physical - memory.Iova;
        const ulong Iova = 0x4000_0000;
        lock (bed.Iommu.Changing)
        {
            domain.MapFixed(Iova, TwoMiB, [(physical, TwoMiB)], DmaAccess.ReadWrite, null);
        }

        // Nothing below the table whose entries are pages of 2 MiB.
        Assert.Equal(bed.Iommu.Levels - 2, bed.Iommu.Memory.Pages - before);
        using EduDevice edu = bed.Attach(domain);
        AssertReached(edu, memory, start, Iova);

        // A page out of the middle: the rest goes on, and this one is gone, although the large page was cached.
        domain.UnmapAt(Iova + (7 * Page), Page);
        AssertBlocked(bed, edu, memory, start + (7 * Page), Iova + (7 * Page));
        AssertReached(edu, memory, start + (6 * Page), Iova + (6 * Page));
        AssertReached(edu, memory, start + (8 * Page), Iova + (8 * Page));
        AssertReached(edu, memory, start + TwoMiB - 8, Iova + TwoMiB - 8);
        domain.UnmapAt(Iova, 7 * Page);
        AssertBlocked(bed, edu, memory, start + (6 * Page), Iova + (6 * Page));
        domain.UnmapAt(Iova + (8 * Page), TwoMiB - (8 * Page));
        AssertBlocked(bed, edu, memory, start + (8 * Page), Iova + (8 * Page));
        Assert.Empty(bed.TakeFaults());
        domain.Detach(edu.Address);
        Assert.Equal(before, bed.Iommu.Memory.Pages);
    }

    [SkippableTheory]
    [MemberData(nameof(Units))]
    public void Pages_of_1_GiB_are_gone_whole_or_in_part(string unit)
    {
        using VtdBed bed = VtdBed.Start(unit, memory: 2 * OneGiB);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = AllocateAt(bed, OneGiB);
        int before = bed.Iommu.Memory.Pages;
        const ulong Iova = 2 * OneGiB;
        lock (bed.Iommu.Changing)
        {
            domain.MapFixed(Iova, OneGiB, [(OneGiB, OneGiB)], DmaAccess.ReadWrite, null);
        }

        Assert.Equal(bed.Iommu.Levels - 3, bed.Iommu.Memory.Pages - before);
        using EduDevice edu = bed.Attach(domain);
        AssertReached(edu, memory, 0, Iova);
        domain.UnmapAt(Iova, Page);
        AssertBlocked(bed, edu, memory, 0, Iova);
        AssertReached(edu, memory, Page, Iova + Page);

        // Split into pages of 2 MiB and, where the hole is, of 4 KiB.
        Assert.Equal(bed.Iommu.Levels - 1 + 1, bed.Iommu.Memory.Pages - before);
        domain.UnmapAt(Iova + Page, OneGiB - Page);
        AssertBlocked(bed, edu, memory, Page, Iova + Page);
        domain.Detach(edu.Address);
        Assert.Equal(before, bed.Iommu.Memory.Pages);
    }

    [SkippableFact]
    public void A_thousand_rounds_leave_nothing()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = bed.Machine.Physical.Allocate(TwoMiB + (16 * Page));
        using EduDevice edu = bed.Attach(domain);
        int pages = bed.Iommu.Memory.Pages;
        int physical = bed.Machine.Physical.Mappings.Count;
        ulong iova = 0;
        for (int i = 0; i < 1000; i++)
        {
            using DmaMapping mapping = domain.Map(memory, DmaAccess.ReadWrite);
            Assert.True(bed.Iommu.Memory.Pages > pages);
            iova = i == 0 ? mapping.Iova : iova;
            Assert.Equal(iova, mapping.Iova);
            if (i % 500 == 499)
            {
                AssertReached(edu, memory, 0, iova);
            }
        }

        Assert.Equal(pages, bed.Iommu.Memory.Pages);
        Assert.Equal(physical, bed.Machine.Physical.Mappings.Count);
        AssertBlocked(bed, edu, memory, 0, iova);
    }

    [SkippableFact]
    public void A_thousand_domains_leave_nothing()
    {
        using VtdBed bed = VtdBed.Start();
        int pages = bed.Iommu.Memory.Pages;
        int physical = bed.Machine.Physical.Mappings.Count;
        ushort id = 0;
        for (int i = 0; i < 1000; i++)
        {
            using IommuDomain domain = bed.Iommu.CreateDomain();
            id = i == 0 ? domain.Id : id;
            Assert.Equal(id, domain.Id);
            domain.Attach(new(0, 0, 4, 0));
            domain.Allocate(Page); // Not given back: the domain's end takes it out of reach all the same.
        }

        Assert.Equal(pages, bed.Iommu.Memory.Pages);
        Assert.Equal(physical + 1000, bed.Machine.Physical.Mappings.Count);
    }

    [SkippableFact]
    public void Guests_have_their_own_addresses()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = bed.Machine.Physical.Allocate(4 * Page);
        domain.MapAt(0, memory, DmaAccess.ReadWrite);
        using EduDevice edu = bed.Attach(domain);
        AssertReached(edu, memory, 8, 8);
        AssertReached(edu, memory, 3 * Page, 3 * Page);
        domain.UnmapAt(Page, Page);
        AssertBlocked(bed, edu, memory, Page, Page);
        AssertReached(edu, memory, 0, 0);

        // What the driver of such a guest maps itself does not meet it.
        using DmaMemory other = domain.Allocate(Page);
        Assert.Equal(Page, other.Iova);
        Assert.Throws<DmaException>(() => domain.MapAt(0, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.MapAt(Page, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.UnmapAt(Page, Page));
        Assert.Throws<DmaException>(() => domain.UnmapAt(0, 2 * Page));
        Assert.Throws<DmaException>(() => domain.MapAt(0xfeef_f000, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.MapAt(0xfedf_d000, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.MapAt(0x1_0000_0800, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.MapAt((1ul << domain.AddressBits) - Page, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.MapAt(ulong.MaxValue - Page + 1, memory, DmaAccess.Read));
        Assert.Throws<DmaException>(() => domain.MapAt(0x1_0000_0000, memory, DmaAccess.None));
        domain.MapAt((1ul << domain.AddressBits) - (4 * Page), memory, DmaAccess.ReadWrite);
        AssertReached(edu, memory, (4 * Page) - 8, (1ul << domain.AddressBits) - 8);
        Assert.Empty(bed.TakeFaults());
    }

    /// <summary>Makes the buffer of the device something else than zero.</summary>
    private static void Fill(EduDevice edu, DmaMemory memory)
    {
        memory.View(0, 8).ReleaseUInt64(0, 0x1234_5678_9abc_def0);
        edu.Load(memory.Iova);
    }

    /// <summary>The device reads what is there and writes it beside.</summary>
    private static void AssertReached(EduDevice edu, DmaMemory memory, ulong offset, ulong iova)
    {
        SharedMemory word = memory.View(offset, 8);
        word.ReleaseUInt64(0, 0x0102_0304_0506_0708);
        edu.Load(iova);
        word.ReleaseUInt64(0, 0);
        edu.Store(iova);
        Assert.Equal(0x0102_0304_0506_0708ul, word.AcquireUInt64(0));
    }

    private static void AssertBlocked(VtdBed bed, EduDevice edu, DmaMemory memory, ulong offset, ulong iova)
    {
        SharedMemory word = memory.View(offset, 8);
        word.ReleaseUInt64(0, ulong.MaxValue);
        edu.Store(iova);
        Assert.Equal(ulong.MaxValue, word.AcquireUInt64(0));
        IommuFault fault = Assert.Single(bed.TakeFaults());
        Assert.Equal((edu.Address, iova & ~(Page - 1), DmaAccess.Write), (fault.Device, fault.Address, fault.Access));
    }

    /// <summary>A page at a physical address.</summary>
    private static DmaMemory AllocateAt(VtdBed bed, ulong physical)
    {
        ulong first;
        using (DmaMemory page = bed.Machine.Physical.Allocate(Page))
        {
            first = page.Iova;
        }

        using DmaMemory below = bed.Machine.Physical.Allocate(physical - first);
        return bed.Machine.Physical.Allocate(2 * Page);
    }
}
