namespace Makatea.Platform.Sel4;

/// <summary>What CPUID answers: a table, looked up at each exit without allocation.</summary>
internal sealed class GuestCpuid
{
    private readonly CpuidEntry[] _entries;
    private readonly uint _lastBasic;

    internal GuestCpuid(ReadOnlySpan<CpuidEntry> entries)
    {
        _entries = entries.ToArray();
        foreach (CpuidEntry entry in _entries)
        {
            _lastBasic = entry.Leaf == 0 ? entry.Eax : _lastBasic;
        }
    }

    /// <summary>The answer. Beyond the last leaf of its range that of the last basic one ([SDM] 2A, CPUID); zeroes where there is none.</summary>
    internal CpuidEntry Find(uint leaf, uint subleaf)
    {
        if (TryFind(leaf, subleaf, out CpuidEntry entry))
        {
            return entry;
        }

        uint first = leaf & 0xf000_0000;
        bool isBeyond = !TryFind(first, 0, out CpuidEntry range) || leaf > range.Eax;
        return isBeyond && TryFind(_lastBasic, subleaf, out entry) ? entry : default;
    }

    private bool TryFind(uint leaf, uint subleaf, out CpuidEntry found)
    {
        foreach (ref readonly CpuidEntry entry in _entries.AsSpan())
        {
            if (entry.Leaf == leaf && (entry.Subleaf ?? subleaf) == subleaf)
            {
                found = entry;
                return true;
            }
        }

        found = default;
        return false;
    }
}
