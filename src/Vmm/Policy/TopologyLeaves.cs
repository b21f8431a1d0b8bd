using Makatea.Platform;

namespace Makatea.Vmm.Policy;

/// <summary>Leaves that say how processors belong together, of the guest's instead of the host's.</summary>
internal static class TopologyLeaves
{
    private const uint IntelCaches = 4;
    private const uint AmdCaches = 0x8000_001d;
    private const uint AmdIds = 0x8000_001e;
    private const uint AmdSizes = 0x8000_0008;
    private const int Threading = 28;
    private const int CmpLegacy = 1;
    private const uint Levels = 0xb;

    private const uint ThreadLevel = 1 << 8;
    private const uint CoreLevel = 2 << 8;

    internal static void SetCommon(CpuidTable table, CpuidTable host, CpuTopology topology, bool isAmd)
    {
        uint several = topology.Count > 1 ? 1U : 0;
        CpuidEntry first = table[1];
        table.Set(first with { Ebx = first.Ebx | (uint)Math.Min(topology.Count, 255) << 16, Edx = first.Edx | several << Threading });
        SetCaches(table, host, IntelCaches, topology, hasCores: true);
        SetCaches(table, host, AmdCaches, topology, hasCores: false);
        if (isAmd)
        {
            CpuidEntry sizes = table[AmdSizes];
            table.Set(sizes with { Ecx = (uint)Math.Min(topology.Count - 1, 255) | (uint)topology.CoreBits << 12 });
            CpuidEntry extended = table[0x8000_0001];
            table.Set(extended with { Ecx = extended.Ecx | several << CmpLegacy });
        }

        // There in any case, since with x2APIC it says what the ID is. What differs comes in SetOwn.
        table.Set(new(Levels, 0, 0, 0, 0, 0));
        if (host.Has(AmdIds))
        {
            table.Set(new(AmdIds, null, 0, 0, 0, 0));
        }
    }

    /// <summary>Sets what differs between processors: the APIC ID.</summary>
    internal static void SetOwn(CpuidTable table, CpuTopology topology, uint apicId)
    {
        CpuidEntry first = table[1];
        table.Set(first with { Ebx = (first.Ebx & 0x00ff_ffff) | (apicId & 0xff) << 24 });
        table.Set(new(Levels, 0, 0, 1, ThreadLevel, apicId));
        table.Set(new(Levels, 1, (uint)topology.CoreBits, (uint)topology.Count, 1 | CoreLevel, apicId));
        table.Set(new(Levels, 2, 0, 0, 2, apicId));

        // Core ID, one thread in each; node 0 of one.
        if (table.Has(AmdIds))
        {
            table.Set(new(AmdIds, null, apicId, apicId & 0xff, 0, 0));
        }
    }

    // The caches of the first two levels are a core's, what is behind them all cores'.
    private static void SetCaches(CpuidTable table, CpuidTable host, uint leaf, CpuTopology topology, bool hasCores)
    {
        foreach (CpuidEntry cache in host.Subleaves(leaf))
        {
            uint level = cache.Eax >> 5 & 7;
            uint all = (1U << topology.CoreBits) - 1;
            uint sharing = (level >= 3 ? Math.Min(all, 0xfff) : 0) << 14;
            uint cores = hasCores ? Math.Min(all, 0x3f) << 26 : 0;
            table.Set((cache.Eax & 0x1f) == 0 ? cache with { Eax = 0, Ebx = 0, Ecx = 0, Edx = 0 } : cache with { Eax = (cache.Eax & 0x3fff) | sharing | cores });
        }
    }
}
