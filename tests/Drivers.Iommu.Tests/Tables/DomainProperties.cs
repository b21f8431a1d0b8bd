using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>Domains against a dictionary, seen by a unit that caches all it may.</summary>
[Trait("Category", "Long")]
public sealed class DomainProperties
{
    private const ulong Page = 4096;
    private const ulong Iova = 0x40_0000_0000; // Of 1 GiB, and of the second table of the top level.
    private const ulong Physical = 0x20_0000_0000;
    private static readonly PciAddress _device = new(0, 0, 4, 0);

    /// <summary>What is tried of each mapping: around every boundary of 2 MiB and 1 GiB.</summary>
    private static readonly ulong[] _probes = [.. from unit in (ulong[])[0, 1 << 9, 2 << 9, 1 << 18, 2 << 18, 3 << 18] from near in (long[])[-2, -1, 0, 1, 2] where (long)unit + near >= 0 select (ulong)((long)unit + near)];

    public static TheoryData<int, bool, int> Units => new() { { 3, false, 18 }, { 3, true, 18 }, { 2, false, 9 }, { 1, true, 0 } };

    [Theory]
    [MemberData(nameof(Units))]
    public void What_a_unit_translates_is_what_is_mapped(int maxPageLevel, bool cachesNotPresent, int maxMask) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(Steps(maxPageLevel).ListOf(12).ToArbitrary(), steps =>
        {
            using SimulatedMachine machine = new();
            machine.Unit.Capability = (machine.Unit.Capability & ~((3ul << 34) | (63ul << 48))) | ((ulong)((1 << (maxPageLevel - 1)) - 1) << 34) | ((ulong)maxMask << 48) | (cachesNotPresent ? 1u << 7 : 0);
            using IommuHost host = IommuHost.Open(machine);
            int pages = host.Memory.Pages;
            IommuDomain domain = host.CreateDomain();
            domain.Attach(_device);
            Dictionary<ulong, (ulong Physical, DmaAccess Access)> model = [];
            foreach (Step step in steps)
            {
                Run(host, domain, model, step);
                foreach (ulong page in _probes.Append(step.First).Append(step.First + step.Pages - 1).Append(step.First + step.Pages))
                {
                    (ulong Physical, DmaAccess Access) expected = model.GetValueOrDefault(page);
                    ulong? read = machine.Unit.Translate(_device.RequesterId, Iova + (page * Page) + 5, false);
                    ulong? write = machine.Unit.Translate(_device.RequesterId, Iova + (page * Page) + 6, true);
                    Assert.Equal((expected.Access & DmaAccess.Read) != 0 ? expected.Physical + 5 : null, read);
                    Assert.Equal((expected.Access & DmaAccess.Write) != 0 ? expected.Physical + 6 : null, write);
                }
            }

            domain.Dispose();
            Assert.Null(machine.Unit.Translate(_device.RequesterId, Iova, false));
            Assert.Equal(pages, host.Memory.Pages);
        }));

    private static void Run(IommuHost host, IommuDomain domain, Dictionary<ulong, (ulong, DmaAccess)> model, Step step)
    {
        IEnumerable<ulong> range = Enumerable.Range(0, (int)step.Pages).Select(i => step.First + (ulong)i);
        ulong physical = Physical + ((step.First + step.Shift) * Page);
        bool isDone = Record.Exception(() =>
        {
            if (step.Access == DmaAccess.None)
            {
                domain.UnmapAt(Iova + (step.First * Page), step.Pages * Page);
                return;
            }

            lock (host.Changing)
            {
                domain.MapFixed(Iova + (step.First * Page), step.Pages * Page, [(physical, step.Pages * Page)], step.Access, null);
            }
        }) is null;
        if (step.Access != DmaAccess.None)
        {
            Assert.Equal(!range.Any(model.ContainsKey), isDone);
        }

        foreach (ulong page in isDone ? range : [])
        {
            if (step.Access == DmaAccess.None)
            {
                Assert.True(model.Remove(page));
            }
            else
            {
                model[page] = (physical + ((page - step.First) * Page), step.Access);
            }
        }
    }

    private static Gen<Step> Steps(int maxPageLevel) =>
        from unit in Gen.Elements(maxPageLevel == 3 ? (ulong[])[0, 1 << 9, 2 << 9, 1 << 18, 2 << 18] : [0, 1 << 9, 2 << 9])
        from near in Gen.Elements(-2, -1, 0, 0, 0, 1)
        from pages in Gen.Elements(maxPageLevel == 3 ? (ulong[])[1, 2, 511, 512, 513, 1024, 1 << 18, (1 << 18) + 512] : [1, 2, 15, 511, 512, 513, 1024])
        from shift in Gen.Elements<ulong>(0ul, 0, 0, 512, 1)
        from access in Gen.Elements(DmaAccess.None, DmaAccess.None, DmaAccess.ReadWrite, DmaAccess.Read, DmaAccess.Write)
        select new Step((ulong)Math.Max(0, (long)unit + near), pages, shift, access);

    private sealed record Step(ulong First, ulong Pages, ulong Shift, DmaAccess Access);
}
