using Makatea.Platform;

namespace Makatea.Vmm.Policy;

/// <summary>
/// What CPUID answers to a guest: the host's table, of which only what is allowed is left, with the guest's own processors, hypervisor and time stamp counter in it.
/// </summary>
public sealed class CpuidModel
{
    private const uint LastBasicLeaf = 0x1f;
    private const uint LastExtendedLeaf = 0x8000_0021;
    private const int HypervisorBit = 31;

    // The first four letters of the maker.
    private const uint AuthenticAmd = 0x6874_7541;
    private const uint HygonGenuine = 0x6f67_7948;

    // Brand, line of CLFLUSH. The number of processors and the APIC ID are the topology's.
    private const uint OwnBits = 0x0000_ffff;

    // Described by what they say of the processor alone: identification, caches, sizes. They control nothing.
    private static readonly uint[] _descriptive =
        [0, 2, 0x8000_0000, 0x8000_0002, 0x8000_0003, 0x8000_0004, 0x8000_0005, 0x8000_0006, 0x8000_0019, 0x8000_001a];

    private readonly CpuidTable _common;
    private readonly CpuTopology _topology;

    /// <summary>Makes the model of a guest.</summary>
    /// <param name="host">What the host can do.</param>
    /// <param name="topology">The guest's processors.</param>
    /// <param name="tscFrequency">Frequency of its time stamp counter in Hz; 0 where nobody knows.</param>
    public CpuidModel(VirtualMachineInfo host, CpuTopology topology, ulong tscFrequency)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentOutOfRangeException.ThrowIfNotEqual(topology.Count is >= 1 and <= 1024, true);
        _topology = topology;
        CpuidTable all = new(host.Cpuid);
        IsAmd = all[0].Ebx is AuthenticAmd or HygonGenuine;
        _common = new(host.Cpuid.Where(entry => _descriptive.Contains(entry.Leaf)));
        foreach (IGrouping<(uint Leaf, uint Subleaf), FeatureWord> words in AllowedFeatures.Words.GroupBy(word => (word.Leaf, word.Subleaf)))
        {
            if (all.Has(words.Key.Leaf, words.Key.Subleaf))
            {
                _common.Set(Mask(all[words.Key.Leaf, words.Key.Subleaf], words));
            }
        }

        SetIdentification(all);
        ExtendedStateLeaf.Set(_common, all);
        TimeLeaves.Set(_common, tscFrequency);
        HypervisorLeaves.Set(_common, all, host.Host, tscFrequency);
        TopologyLeaves.SetCommon(_common, all, topology, IsAmd);
        SetLast(0, LastBasicLeaf);
        SetLast(0x8000_0000, LastExtendedLeaf);
    }

    /// <summary>What the processor with an APIC ID answers, for <see cref="VirtualCpu.SetCpuid"/>.</summary>
    public CpuidEntry[] For(uint apicId)
    {
        CpuidTable table = new(_common.Entries);
        TopologyLeaves.SetOwn(table, _topology, apicId);
        return [.. table.Entries];
    }

    /// <summary>Whether guests have a feature.</summary>
    public bool Has(uint leaf, uint subleaf, CpuidRegister register, int bit) => _common.Has(leaf, subleaf, register, bit);

    /// <summary>The guest has KVM's clock.</summary>
    public bool HasKvmClock => HypervisorLeaves.HasKvmClock(_common);

    /// <summary>The processor is AMD's, or of its family (Hygon).</summary>
    public bool IsAmd { get; }

    /// <summary>Processor signature: family, model and stepping, as EDX holds them after reset.</summary>
    public uint Signature => _common[1].Eax;

    /// <summary>Width of physical addresses in bits.</summary>
    public int PhysicalAddressBits => _common.Has(0x8000_0008) ? (int)(_common[0x8000_0008].Eax & 0xff) : 36;

    private static CpuidEntry Mask(CpuidEntry entry, IEnumerable<FeatureWord> words)
    {
        CpuidEntry masked = entry with { Eax = 0, Ebx = 0, Ecx = 0, Edx = 0 };
        foreach (FeatureWord word in words)
        {
            masked = word.Register switch
            {
                CpuidRegister.Eax => masked with { Eax = entry.Eax & word.Mask },
                CpuidRegister.Ebx => masked with { Ebx = entry.Ebx & word.Mask },
                CpuidRegister.Ecx => masked with { Ecx = entry.Ecx & word.Mask },
                _ => masked with { Edx = entry.Edx & word.Mask },
            };
        }

        return masked;
    }

    // The local APIC is the VMM's own, with x2APIC and TSC deadline whatever the host has.
    private void SetIdentification(CpuidTable all)
    {
        const int X2Apic = 21;
        const int TscDeadline = 24;
        const int Apic = 9;
        CpuidEntry first = _common[1];
        _common.Set(first with
        {
            Leaf = 1,
            Eax = all[1].Eax,
            Ebx = all[1].Ebx & OwnBits,
            Ecx = first.Ecx | 1U << X2Apic | 1U << TscDeadline | 1U << HypervisorBit,
            Edx = first.Edx | 1U << Apic,
        });

        if (all.Has(0x8000_0001))
        {
            CpuidEntry extended = _common[0x8000_0001];
            _common.Set(extended with { Eax = all[0x8000_0001].Eax, Edx = extended.Edx | (IsAmd ? 1U << Apic : 0) });
        }

        // Sizes of addresses; the features of EBX stay as they are masked.
        _common.Set(_common[0x8000_0008] with { Leaf = 0x8000_0008, Eax = all[0x8000_0008].Eax & 0xffff });

        // The number of subleaves, which are features themselves.
        if (_common.Has(7))
        {
            _common.Set(_common[7] with { Eax = Math.Min(all[7].Eax, 2) });
        }
    }

    // The first leaf of a range says which is the last.
    private void SetLast(uint first, uint last)
    {
        uint greatest = _common.Entries.Where(entry => entry.Leaf >= first && entry.Leaf <= last).Max(entry => entry.Leaf);
        _common.Set(_common[first] with { Leaf = first, Eax = greatest });
    }
}
