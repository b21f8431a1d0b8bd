using Makatea.Platform;

namespace Makatea.Vmm.Policy;

/// <summary>Leaf 0xd: the parts of a processor's state that XSAVE saves ([SDM] volume 1, 13.2).</summary>
internal static class ExtendedStateLeaf
{
    private const uint Leaf = 0xd;

    // x87, SSE, AVX, the three parts of AVX-512, protection keys. What is behind them is denied.
    private const uint UserState = 1 << 0 | 1 << 1 | 1 << 2 | 7 << 5 | 1 << 9;
    private const uint LegacyAndHeader = 576;

    internal static void Set(CpuidTable table, CpuidTable host)
    {
        const int Xsave = 26;
        if (!table.Has(1, 0, CpuidRegister.Ecx, Xsave) || !host.Has(Leaf))
        {
            table.Remove(Leaf);
            return;
        }

        uint parts = host[Leaf].Eax & UserState;
        uint size = LegacyAndHeader;
        uint compacted = LegacyAndHeader;
        for (uint part = 2; part < 32; part++)
        {
            if ((parts >> (int)part & 1) != 0 && host.Has(Leaf, part))
            {
                CpuidEntry entry = host[Leaf, part];
                table.Set(entry);
                size = Math.Max(size, entry.Ebx + entry.Eax);
                compacted = (IsAligned(entry) ? (compacted + 63) & ~63U : compacted) + entry.Eax;
            }
        }

        // EBX follows what the guest turns on; the host keeps it up to date. This is with all of it.
        table.Set(new(Leaf, 0, parts, size, size, 0));
        CpuidEntry features = table[Leaf, 1];
        table.Set(features with { Leaf = Leaf, Subleaf = 1, Ebx = features.Eax == 0 ? 0 : compacted, Ecx = 0, Edx = 0 });
    }

    private static bool IsAligned(CpuidEntry part) => (part.Ecx & 2) != 0;
}
