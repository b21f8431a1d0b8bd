using System.Runtime.Intrinsics.X86;

namespace Makatea.Platform.Sel4;

/// <summary>What guests can have of the processor on this kernel: less than the processor has, where the kernel does not switch what belongs to it.</summary>
internal static class GuestFeatures
{
    private const uint MostSubleaves = 64;
    private const uint Extended = 0x8000_0000;

    // Leaf 1: PCID (INVPCID is off), FMA, AVX and F16C with their state; MTRRs.
    private const uint Pcid = 1 << 17;
    private const uint AvxOfLeaf1 = (1 << 12) | (1 << 28) | (1 << 29);
    private const uint Mtrr = 1 << 12;

    // Leaf 7: AVX2, AVX-512 and the like in EBX; INVPCID.
    private const uint AvxOfLeaf7 = (1 << 5) | (1 << 16) | (1 << 17) | (1 << 21) | (1 << 28) | (1 << 30) | (1u << 31);
    private const uint Invpcid = 1 << 10;

    // Of ECX and EDX what needs no state and no MSR of its own: UMIP, GFNI, CLDEMOTE, MOVDIRI, MOVDIR64B; FSRM, MD_CLEAR, SERIALIZE.
    private const uint Leaf7Ecx = (1 << 2) | (1 << 8) | (1 << 25) | (1 << 27) | (1 << 28);
    private const uint Leaf7Edx = (1 << 4) | (1 << 10) | (1 << 14);
    private const uint Rdtscp = 1 << 27;
    private const uint AvxState = 1 << 2;

    /// <summary>Reads the processor's table.</summary>
    /// <param name="extendedState">XCR0 as the kernel sets it.</param>
    internal static IReadOnlyList<CpuidEntry> Read(ulong extendedState)
    {
        List<CpuidEntry> entries = [];
        foreach (uint first in (uint[])[0, Extended])
        {
            uint last = Math.Min(Ask(first, 0).Eax, first + 0x40);
            for (uint leaf = first; leaf <= last; leaf++)
            {
                AddLeaf(entries, leaf, extendedState);
            }
        }

        return entries;
    }

    private static void AddLeaf(List<CpuidEntry> entries, uint leaf, ulong extendedState)
    {
        bool hasSubleaves = leaf is 4 or 7 or 0xb or 0xd or 0x1f or (Extended + 0x1d);
        uint count = leaf switch
        {
            7 => Math.Min(Ask(leaf, 0).Eax, 2) + 1,
            0xd => MostSubleaves,
            4 or 0xb or 0x1f or (Extended + 0x1d) => 8,
            _ => 1,
        };
        for (uint subleaf = 0; subleaf < count; subleaf++)
        {
            CpuidEntry entry = Ask(leaf, subleaf);
            bool isState = leaf == 0xd && subleaf >= 2;
            if (!isState || (extendedState >> (int)subleaf & 1) != 0)
            {
                entries.Add(Restrict(entry with { Subleaf = hasSubleaves ? subleaf : null }, extendedState));
            }
        }
    }

    private static CpuidEntry Restrict(CpuidEntry entry, ulong extendedState)
    {
        bool hasAvx = (extendedState & AvxState) != 0;
        return (entry.Leaf, entry.Subleaf ?? 0) switch
        {
            (1, _) => entry with { Ecx = entry.Ecx & ~(Pcid | (hasAvx ? 0 : AvxOfLeaf1)), Edx = entry.Edx & ~Mtrr },
            (7, 0) => entry with { Ebx = entry.Ebx & ~(Invpcid | AvxOfLeaf7), Ecx = entry.Ecx & Leaf7Ecx, Edx = entry.Edx & Leaf7Edx },
            (7, _) => entry with { Eax = 0, Ebx = 0, Ecx = 0, Edx = 0 },
            (0xd, 0) => entry with { Eax = entry.Eax & (uint)extendedState, Edx = 0 },

            // No supervisor state: XSAVES is off.
            (0xd, 1) => entry with { Eax = entry.Eax & 7, Ebx = 0, Ecx = 0, Edx = 0 },
            (Extended + 1, _) => entry with { Edx = entry.Edx & ~(Rdtscp | Mtrr) },
            _ => entry,
        };
    }

    private static CpuidEntry Ask(uint leaf, uint subleaf)
    {
        if (!X86Base.IsSupported)
        {
            throw new PlatformNotSupportedException("guests are x86-64's");
        }

        (int eax, int ebx, int ecx, int edx) = X86Base.CpuId((int)leaf, (int)subleaf);
        return new CpuidEntry(leaf, subleaf, (uint)eax, (uint)ebx, (uint)ecx, (uint)edx);
    }
}
