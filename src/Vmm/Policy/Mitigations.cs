using Makatea.Platform;
using static Makatea.Vmm.Policy.CpuidRegister;

namespace Makatea.Vmm.Policy;

/// <summary>How a guest stands against a flaw of processors.</summary>
public enum MitigationState
{
    /// <summary>The processor says that it does not have the flaw.</summary>
    NotAffected,

    /// <summary>The guest has the means that the processor has.</summary>
    Available,

    /// <summary>What would have the flaw is not given to the guest.</summary>
    Denied,

    /// <summary>The host reports no means: the processor is too old for them, or lacks microcode, or hides them.</summary>
    Missing,
}

/// <summary>A flaw, and how a guest stands against it.</summary>
/// <param name="Name">As Linux names it in /sys/devices/system/cpu/vulnerabilities.</param>
/// <param name="State">How it stands.</param>
/// <param name="Why">What that follows from.</param>
public sealed record Mitigation(string Name, MitigationState State, string Why);

/// <summary>What a guest gets against flaws of the processor: what the host reports and the policy lets through. The guest's kernel chooses among it.</summary>
public static class Mitigations
{
    private const string GuestAlone = ", which needs nothing of the processor";

    /// <summary>Reports for a guest.</summary>
    public static IReadOnlyList<Mitigation> Report(VirtualMachineInfo host, CpuidModel cpuid)
    {
        ulong capabilities = cpuid.Has(7, 0, Edx, 29) ? ArchCapabilities.Value(host) : 0;
        bool isAmd = cpuid.IsAmd;
        return
        [
            Of("meltdown", isAmd, "AMD", "rdcl_no", "page table isolation" + GuestAlone),
            SpectreV2(cpuid, capabilities),
            Of("spec_store_bypass", cpuid.Has(0x8000_0008, 0, Ebx, 26), "ssb_no", "ssb_no",
                First((cpuid.Has(7, 0, Edx, 31) || cpuid.Has(0x8000_0008, 0, Ebx, 24), "SSBD"), (cpuid.Has(0x8000_0008, 0, Ebx, 25), "VIRT_SSBD"))),
            Of("l1tf", isAmd, "AMD", "rdcl_no", "inverted page table entries" + GuestAlone),
            Of("mds", isAmd, "AMD", "mds_no", First((cpuid.Has(7, 0, Edx, 10), "MD_CLEAR"))),
            new("tsx_async_abort", MitigationState.Denied, "no transactions"),
            Of("mmio_stale_data", isAmd, "AMD", "fbsdp_no", First((Has("fb_clear"), "FB_CLEAR"))),
            Of("retbleed", cpuid.Has(0x8000_0008, 0, Ebx, 29), "btc_no", null,
                First((Has("ibrs_all"), "enhanced IBRS"), (isAmd && cpuid.Has(0x8000_0008, 0, Ebx, 12), "IBPB"), (cpuid.Has(7, 0, Edx, 26), "IBRS"))),
            Of("gather_data_sampling", isAmd, "AMD", "gds_no", null),
            Of("reg_file_data_sampling", isAmd, "AMD", "rfds_no", First((Has("rfds_clear"), "RFDS_CLEAR"))),
            Of("spec_rstack_overflow", !isAmd || cpuid.Has(0x8000_0021, 0, Eax, 29), isAmd ? "srso_no" : "not AMD", null,
                First((cpuid.Has(0x8000_0021, 0, Eax, 27), "SBPB"), (cpuid.Has(0x8000_0008, 0, Ebx, 12), "IBPB"))),
            Of("branch_history_injection", isAmd, "AMD", "bhi_no", First((cpuid.Has(7, 2, Edx, 4), "BHI_CTRL"), (true, "clearing sequence" + GuestAlone))),
            Of("itlb_multihit", isAmd, "AMD", "if_pschange_mc_no", null),
        ];

        bool Has(string name) => ArchCapabilities.Has(capabilities, name);

        Mitigation Of(string name, bool isSafe, string safeWhy, string? capability, string? means) =>
            isSafe ? new(name, MitigationState.NotAffected, safeWhy)
            : capability is not null && Has(capability) ? new(name, MitigationState.NotAffected, capability)
            : means is not null ? new(name, MitigationState.Available, means)
            : new(name, MitigationState.Missing, "the host reports nothing against it");
    }

    private static Mitigation SpectreV2(CpuidModel cpuid, ulong capabilities)
    {
        List<string> means = [];
        Add(cpuid.Has(0x8000_0021, 0, Eax, 8), "AutoIBRS");
        Add(ArchCapabilities.Has(capabilities, "ibrs_all"), "enhanced IBRS");
        Add(cpuid.Has(7, 0, Edx, 26) || cpuid.Has(0x8000_0008, 0, Ebx, 14), "IBRS");
        Add(DirectMsrs.HasBarrier(cpuid), "IBPB");
        Add(cpuid.Has(7, 0, Edx, 27) || cpuid.Has(0x8000_0008, 0, Ebx, 15), "STIBP");
        return means.Count == 0
            ? new("spectre_v2", MitigationState.Missing, "the host reports nothing against it; retpolines remain")
            : new("spectre_v2", MitigationState.Available, string.Join(", ", means));

        void Add(bool isThere, string name)
        {
            if (isThere)
            {
                means.Add(name);
            }
        }
    }

    private static string? First(params ReadOnlySpan<(bool IsThere, string Name)> means)
    {
        foreach ((bool isThere, string name) in means)
        {
            if (isThere)
            {
                return name;
            }
        }

        return null;
    }
}
