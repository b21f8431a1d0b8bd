using Makatea.Platform;

namespace Makatea.Vmm.Policy;

/// <summary>IA32_ARCH_CAPABILITIES ([SDM] volume 4, table 2-2): what a processor says of its own flaws.</summary>
internal static class ArchCapabilities
{
    internal const uint Msr = 0x10a;

    internal static IReadOnlyList<(string Name, int Bit)> Allowed { get; } =
    [
        ("rdcl_no", 0), ("ibrs_all", 1), ("rsba", 2), ("skip_l1dfl_vmentry", 3), ("ssb_no", 4), ("mds_no", 5), ("if_pschange_mc_no", 6), ("taa_no", 8), ("doitm", 12),
        ("sbdr_ssdp_no", 13), ("fbsdp_no", 14), ("psdp_no", 15), ("fb_clear", 17), ("rrsba", 19), ("bhi_no", 20), ("pbrsb_no", 24), ("gds_no", 26), ("rfds_no", 27),
        ("rfds_clear", 28),
    ];

    /// <summary>What the guest reads: what it may know of what the host says.</summary>
    internal static ulong Value(VirtualMachineInfo host) =>
        host.FeatureMsrs.FirstOrDefault(msr => msr.Number == Msr).Value & Allowed.Aggregate(0UL, (mask, capability) => mask | 1UL << capability.Bit);

    internal static bool Has(ulong value, string name) => (value >> Allowed.Single(capability => capability.Name == name).Bit & 1) != 0;
}
