using Makatea.Drivers.Pci;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>Devices behind bridges to conventional PCI, which speak in the bridge's name.</summary>
[Trait("Category", "Device")]
public sealed class BridgeTests
{
    private const uint EduClass = 0x00ff00;
    private const ulong Old = 0xeeee_eeee_eeee_eeee;

    [SkippableTheory]
    [InlineData("pcie-pci-bridge,id=old,addr=8", "bus=old,addr=3")]
    [InlineData("i82801b11-bridge,id=old,addr=8", "bus=old,addr=3")]
    public void A_device_reaches_memory_in_all_the_names_that_the_walk_found(string bridge, string place)
    {
        using VtdBed bed = VtdBed.Start("", 256 << 20, bridge, $"edu,dma_mask=0xffffffffffffffff,{place}", "edu,dma_mask=0xffffffffffffffff,addr=4");
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = domain.Allocate(4096);
        SharedMemory words = memory.View(0, 4096);
        words.ReleaseUInt64(0, Old);
        PciFunctionInfo info = bed.Functions.Single(f => f.Identity.ClassCode == EduClass && f.Address.Bus != 0);
        Assert.Equal(info.Address, info.Requesters[0]);
        PciAddress alias = Assert.Single(info.Requesters.Skip(1));
        using EduDevice edu = bed.Open(domain, info.Address);

        // Its own name alone is not what the unit hears.
        domain.Attach(info.Address);
        edu.Store(memory.Iova);
        Assert.Equal(Old, words.AcquireUInt64(0));
        Assert.Equal(alias, Assert.Single(bed.TakeFaults()).Device);

        foreach (PciAddress requester in info.Requesters.Skip(1))
        {
            domain.Attach(requester);
        }

        edu.Store(memory.Iova);
        Assert.NotEqual(Old, words.AcquireUInt64(0));
        Assert.Empty(bed.TakeFaults());

        // One beside the bridge has a name of its own.
        Assert.Single(bed.Functions.Single(f => f.Identity.ClassCode == EduClass && f.Address.Bus == 0).Requesters);
    }

    [SkippableFact]
    public void Two_devices_of_a_conventional_bus_cannot_be_in_two_domains()
    {
        using VtdBed bed = VtdBed.Start("", 256 << 20, "pcie-pci-bridge,id=old,addr=8", "edu,bus=old,addr=3", "edu,bus=old,addr=4");
        List<PciFunctionInfo> devices = [.. bed.Functions.Where(f => f.Identity.ClassCode == EduClass)];
        Assert.Equal(devices[0].Requesters[1], devices[1].Requesters[1]);
        using IommuDomain first = bed.Iommu.CreateDomain();
        using IommuDomain second = bed.Iommu.CreateDomain();
        devices[0].Requesters.ToList().ForEach(first.Attach);
        Assert.Contains("is in domain", Assert.Throws<IommuException>(() => devices[1].Requesters.ToList().ForEach(second.Attach)).Message, StringComparison.Ordinal);
    }
}
