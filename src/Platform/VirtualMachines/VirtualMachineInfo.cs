namespace Makatea.Platform;

/// <summary>What a host's virtualisation can do; the policy of a qube is made from it.</summary>
public sealed record VirtualMachineInfo
{
    /// <summary>Name of the host's virtualisation, for reports.</summary>
    public required string Host { get; init; }

    /// <summary>
    /// The host's processor has no virtualisation (VT-x, SVM) that the host could use: what there is is emulated, and good for small guests at most.
    /// </summary>
    public required bool IsEmulated { get; init; }

    /// <summary>What CPUID can answer at most: the features that both the processor and the host support.</summary>
    public required IReadOnlyList<CpuidEntry> Cpuid { get; init; }

    /// <summary>MSRs that make up a processor's state.</summary>
    public required IReadOnlyList<uint> StateMsrs { get; init; }

    /// <summary>MSRs that describe the processor, such as IA32_ARCH_CAPABILITIES, with what the host allows at most.</summary>
    public required IReadOnlyList<MsrValue> FeatureMsrs { get; init; }

    /// <summary>Most processors of a machine.</summary>
    public required int MaximumCpus { get; init; }

    /// <summary>Most regions that can be mapped.</summary>
    public required int MaximumRegions { get; init; }

    /// <summary>The guest's time stamp counter can have another frequency than the host's.</summary>
    public required bool CanScaleTsc { get; init; }
}
