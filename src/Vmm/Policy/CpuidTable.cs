using Makatea.Platform;

namespace Makatea.Vmm.Policy;

/// <summary>Looks into and changes what CPUID answers.</summary>
internal sealed class CpuidTable
{
    private readonly SortedDictionary<(uint Leaf, uint Subleaf), CpuidEntry> _entries = [];

    internal CpuidTable(IEnumerable<CpuidEntry> entries)
    {
        foreach (CpuidEntry entry in entries)
        {
            Set(entry);
        }
    }

    internal IReadOnlyList<CpuidEntry> Entries => [.. _entries.Values];

    internal bool Has(uint leaf, uint subleaf = 0) => _entries.ContainsKey((leaf, subleaf));

    /// <summary>An answer; zeroes where there is none.</summary>
    internal CpuidEntry this[uint leaf, uint subleaf = 0] => _entries.GetValueOrDefault((leaf, subleaf));

    internal bool Has(uint leaf, uint subleaf, CpuidRegister register, int bit) => (Register(this[leaf, subleaf], register) >> bit & 1) != 0;

    internal void Set(CpuidEntry entry) => _entries[(entry.Leaf, entry.Subleaf ?? 0)] = entry;

    /// <summary>Takes all subleaves of a leaf out.</summary>
    internal void Remove(uint leaf)
    {
        foreach ((uint Leaf, uint Subleaf) key in _entries.Keys.Where(key => key.Leaf == leaf).ToArray())
        {
            _entries.Remove(key);
        }
    }

    internal IEnumerable<CpuidEntry> Subleaves(uint leaf) => _entries.Where(pair => pair.Key.Leaf == leaf).Select(pair => pair.Value);

    internal static uint Register(in CpuidEntry entry, CpuidRegister register) => register switch
    {
        CpuidRegister.Eax => entry.Eax,
        CpuidRegister.Ebx => entry.Ebx,
        CpuidRegister.Ecx => entry.Ecx,
        _ => entry.Edx,
    };
}
