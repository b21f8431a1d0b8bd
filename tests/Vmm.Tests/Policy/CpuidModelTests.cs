using Makatea.Platform;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm.Tests.Policy;

/// <summary>[SDM] volume 2, CPUID; [APM] volume 3, appendix E.</summary>
public sealed class CpuidModelTests
{
    private const ulong Frequency = 2_596_123_456;

    public static TheoryData<string> Hosts => ["Intel", "Amd"];

    [Theory]
    [MemberData(nameof(Hosts))]
    public void A_guest_has_no_feature_that_is_denied(string host)
    {
        CpuidModel model = new(ByName(host), new(4), Frequency);
        CpuidEntry[] table = model.For(1);
        foreach (DeniedFeature denied in DeniedFeatures.All)
        {
            if (denied.Bit < 0)
            {
                Assert.DoesNotContain(table, entry => entry.Leaf == denied.Leaf);
            }
            else
            {
                Assert.False(model.Has(denied.Leaf, denied.Subleaf, denied.Register, denied.Bit), denied.Name);
            }
        }
    }

    /// <summary>The host says yes to everything: what comes through is on the list, or the guest's own.</summary>
    [Theory]
    [MemberData(nameof(Hosts))]
    public void Every_leaf_is_accounted_for(string host)
    {
        uint[] known =
        [
            0, 1, 2, 4, 6, 7, 0xb, 0xd, 0x15, 0x16, 0x4000_0000, 0x4000_0001, 0x4000_0010,
            0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0007, 0x8000_0008, 0x8000_001d, 0x8000_001e, 0x8000_0021,
        ];
        Assert.All(new CpuidModel(ByName(host), new(4), Frequency).For(0), entry => Assert.Contains(entry.Leaf, known));
    }

    [Theory]
    [MemberData(nameof(Hosts))]
    public void The_last_leaf_is_one_that_is_there(string host)
    {
        CpuidEntry[] table = new CpuidModel(ByName(host), new(4), Frequency).For(0);
        foreach (uint first in (uint[])[0, 0x4000_0000, 0x8000_0000])
        {
            uint last = table.Single(entry => entry.Leaf == first).Eax;
            Assert.Equal(last, table.Where(entry => entry.Leaf >= first && entry.Leaf < first + 0x1000_0000).Max(entry => entry.Leaf));
        }
    }

    [Fact]
    public void What_the_host_lacks_the_guest_lacks()
    {
        VirtualMachineInfo host = TestHosts.Intel();
        VirtualMachineInfo poor = host with { Cpuid = [.. host.Cpuid.Select(entry => entry.Leaf is 1 or 7 ? entry with { Ebx = 0, Ecx = 0, Edx = 0 } : entry)] };
        CpuidEntry[] table = new CpuidModel(poor, new(1), Frequency).For(0);
        // x2APIC, TSC deadline and the APIC are the VMM's; the hypervisor is told of.
        Assert.Equal((0x8120_0000U, 0x200U), (One(table, 1).Ecx, One(table, 1).Edx));
        Assert.Equal((0U, 0U, 0U), (One(table, 7).Ebx, One(table, 7).Ecx, One(table, 7).Edx));
        Assert.DoesNotContain(table, entry => entry.Leaf == 0xd);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    [InlineData(5, 3)]
    [InlineData(1024, 10)]
    public void Processors_are_cores_of_one_package(int count, int bits)
    {
        uint id = (uint)count - 1;
        CpuidEntry[] table = new CpuidModel(TestHosts.Intel(), new(count), Frequency).For(id);
        Assert.Equal((id & 0xff) << 24 | (uint)Math.Min(count, 255) << 16 | 0x0800, One(table, 1).Ebx);
        Assert.Equal(count > 1, (One(table, 1).Edx >> 28 & 1) != 0);
        Assert.Equal(new CpuidEntry(0xb, 0, 0, 1, 0x100, id), One(table, 0xb, 0));
        Assert.Equal(new CpuidEntry(0xb, 1, (uint)bits, (uint)count, 0x201, id), One(table, 0xb, 1));
        Assert.Equal(new CpuidEntry(0xb, 2, 0, 0, 2, id), One(table, 0xb, 2));
    }

    [Fact]
    public void Caches_are_shared_by_the_guest_s_cores()
    {
        CpuidEntry[] table = new CpuidModel(TestHosts.Intel(), new(4), Frequency).For(0);
        Assert.Equal(0x0c00_0121U, One(table, 4, 0).Eax);
        Assert.Equal(0x0c00_0143U, One(table, 4, 2).Eax);
        Assert.Equal(0x0c00_c163U, One(table, 4, 3).Eax);
        Assert.Equal(0U, One(table, 4, 4).Eax);
    }

    [Fact]
    public void AMD_s_leaves_say_the_same()
    {
        CpuidEntry[] table = new CpuidModel(TestHosts.Amd(), new(4), Frequency).For(3);
        Assert.Equal((0x3028U, 0x2003U), (One(table, 0x8000_0008).Eax, One(table, 0x8000_0008).Ecx));
        Assert.Equal(new CpuidEntry(0x8000_001e, null, 3, 3, 0, 0), One(table, 0x8000_001e));
        Assert.Equal(0x0000_c163U, One(table, 0x8000_001d, 3).Eax);
        Assert.Equal(1U, One(table, 0x8000_0001).Ecx >> 1 & 1);
        Assert.Equal(0U, One(new CpuidModel(TestHosts.Amd(), new(1), Frequency).For(0), 0x8000_0001).Ecx >> 1 & 1);
    }

    /// <summary>[SDM] volume 1, 13.2: AMX and supervisor state are denied, and the sizes are those of the rest.</summary>
    [Fact]
    public void The_state_that_is_saved_is_the_guest_s()
    {
        CpuidEntry[] table = new CpuidModel(TestHosts.Intel(), new(1), Frequency).For(0);
        Assert.Equal(new CpuidEntry(0xd, 0, 0x2e7, 2696, 2696, 0), One(table, 0xd, 0));
        Assert.Equal(new CpuidEntry(0xd, 1, 0xf, 576 + 256 + 64 + 512 + 1024 + 8, 0, 0), One(table, 0xd, 1));
        Assert.Equal([0U, 1U, 2U, 5U, 6U, 7U, 9U], table.Where(entry => entry.Leaf == 0xd).Select(entry => entry.Subleaf!.Value));
    }

    [Fact]
    public void On_KVM_the_guest_has_KVM_s_clock_and_nothing_else_of_it()
    {
        CpuidModel model = new(TestHosts.Intel(), new(1), Frequency);
        CpuidEntry[] table = model.For(0);
        Assert.Equal(new CpuidEntry(0x4000_0000, null, 0x4000_0010, 0x4b4d_564b, 0x564b_4d56, 0x4d), One(table, 0x4000_0000));
        Assert.Equal(new CpuidEntry(0x4000_0001, null, 1 << 1 | 1 << 3 | 1 << 24, 0, 0, 0), One(table, 0x4000_0001));
        Assert.True(model.HasKvmClock);
    }

    [Fact]
    public void Elsewhere_the_guest_is_told_our_name_and_the_frequency()
    {
        CpuidModel model = new(TestHosts.Intel("seL4"), new(1), Frequency);
        CpuidEntry[] table = model.For(0);
        Assert.Equal("Maka"u8, BitConverter.GetBytes(One(table, 0x4000_0000).Ebx));
        Assert.Equal(new CpuidEntry(0x4000_0001, null, 0, 0, 0, 0), One(table, 0x4000_0001));
        Assert.Equal(new CpuidEntry(0x4000_0010, null, 2_596_123, 1_000_000, 0, 0), One(table, 0x4000_0010));
        Assert.False(model.HasKvmClock);
    }

    /// <summary>Linux's native_calibrate_tsc works in 32 bits and in kHz.</summary>
    [Fact]
    public void The_frequency_of_leaf_0x15_is_right_to_a_part_in_a_million_or_not_said()
    {
        Random random = new(3);
        int said = 0;
        for (int i = 0; i < 2000; i++)
        {
            ulong frequency = (ulong)random.NextInt64(500_000_000, 4_290_000_000);
            CpuidEntry[] table = new CpuidModel(TestHosts.Intel(), new(1), frequency).For(0);
            CpuidEntry entry = One(table, 0x15);
            uint crystal = entry.Ecx / 1000;
            if (crystal != 0)
            {
                said++;
                uint kilohertz = checked(crystal * entry.Ebx) / entry.Eax;
                Assert.InRange(kilohertz, frequency * (1 - 1e-6) / 1000 - 1, frequency * (1 + 1e-6) / 1000);
            }

            Assert.Equal(frequency / 1_000_000, One(table, 0x16).Eax);
        }

        Assert.InRange(said, 1800, 2000);
    }

    [Fact]
    public void A_frequency_that_no_fraction_is_near_to_is_left_to_the_guest_to_measure() =>
        Assert.Equal(0U, One(new CpuidModel(TestHosts.Intel(), new(1), 1_000_100_000).For(0), 0x15).Ecx);

    [Fact]
    public void Without_a_frequency_nothing_is_said_of_it()
    {
        CpuidEntry[] table = new CpuidModel(TestHosts.Intel(), new(1), 0).For(0);
        Assert.DoesNotContain(table, entry => entry.Leaf is 0x15 or 0x16 or 0x4000_0010);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1025)]
    public void There_are_1_to_1024_processors(int count) => Assert.Throws<ArgumentOutOfRangeException>(() => new CpuidModel(TestHosts.Intel(), new(count), Frequency));

    private static VirtualMachineInfo ByName(string name) => name == "Amd" ? TestHosts.Amd() : TestHosts.Intel();

    private static CpuidEntry One(CpuidEntry[] table, uint leaf, uint? subleaf = null) => table.Single(entry => entry.Leaf == leaf && (subleaf is null ? (entry.Subleaf ?? 0) == 0 : entry.Subleaf == subleaf));
}
