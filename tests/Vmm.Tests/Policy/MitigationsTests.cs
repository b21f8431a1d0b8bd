using Makatea.Platform;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm.Tests.Policy;

public sealed class MitigationsTests
{
    [Theory]
    [InlineData("meltdown", MitigationState.NotAffected, "rdcl_no")]
    [InlineData("spectre_v2", MitigationState.Available, "enhanced IBRS, IBRS, IBPB, STIBP")]
    [InlineData("spec_store_bypass", MitigationState.NotAffected, "ssb_no")]
    [InlineData("mds", MitigationState.NotAffected, "mds_no")]
    [InlineData("tsx_async_abort", MitigationState.Denied, "no transactions")]
    [InlineData("spec_rstack_overflow", MitigationState.NotAffected, "not AMD")]
    [InlineData("itlb_multihit", MitigationState.NotAffected, "if_pschange_mc_no")]
    public void A_processor_that_says_that_it_is_safe_is_believed(string name, MitigationState state, string why) =>
        Assert.Equal(new Mitigation(name, state, why), Report(TestHosts.Intel()).Single(m => m.Name == name));

    [Theory]
    [InlineData("meltdown", MitigationState.Available, "page table isolation, which needs nothing of the processor")]
    [InlineData("spectre_v2", MitigationState.Available, "IBRS, IBPB, STIBP")]
    [InlineData("mds", MitigationState.Available, "MD_CLEAR")]
    [InlineData("retbleed", MitigationState.Available, "IBRS")]
    [InlineData("gather_data_sampling", MitigationState.Missing, "the host reports nothing against it")]
    public void One_that_says_nothing_has_means(string name, MitigationState state, string why)
    {
        VirtualMachineInfo host = TestHosts.Intel() with { FeatureMsrs = [] };
        host = host with { Cpuid = [.. host.Cpuid.Where(entry => entry.Leaf < 0x8000_0008)] };
        Assert.Equal(new Mitigation(name, state, why), Report(host).Single(m => m.Name == name));
    }

    [Theory]
    [InlineData("meltdown", MitigationState.NotAffected, "AMD")]
    [InlineData("spectre_v2", MitigationState.Available, "AutoIBRS, enhanced IBRS, IBRS, IBPB, STIBP")]
    [InlineData("retbleed", MitigationState.NotAffected, "btc_no")]
    [InlineData("spec_rstack_overflow", MitigationState.NotAffected, "srso_no")]
    public void AMD_s_are_known_by_their_own_bits(string name, MitigationState state, string why) =>
        Assert.Equal(new Mitigation(name, state, why), Report(TestHosts.Amd()).Single(m => m.Name == name));

    [Fact]
    public void An_old_processor_has_nothing()
    {
        VirtualMachineInfo host = TestHosts.Intel() with { FeatureMsrs = [] };
        host = host with { Cpuid = [.. host.Cpuid.Where(entry => entry.Leaf < 7)] };
        Mitigation[] missing = [.. Report(host).Where(m => m.State == MitigationState.Missing)];
        Assert.Contains(missing, m => m.Name == "spectre_v2");
        Assert.Contains(missing, m => m.Name == "spec_store_bypass");
        Assert.DoesNotContain(Report(host), m => m.Name != "spec_rstack_overflow" && m.State == MitigationState.NotAffected);
    }

    private static IReadOnlyList<Mitigation> Report(VirtualMachineInfo host) => Mitigations.Report(host, new CpuidModel(host, new(1), 0));
}
