using Makatea.Platform;
using static Makatea.Vmm.Policy.CpuidRegister;

namespace Makatea.Vmm.Policy;

/// <summary>An MSR with an answer of ours.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Value">What is read.</param>
/// <param name="IgnoresWrites">Any value may be written, and nothing happens. Else only the one that is there.</param>
internal readonly record struct MsrAnswer(uint Number, ulong Value, bool IgnoresWrites = false);

/// <summary>MSRs that systems read without asking whether they are there, since every real processor of the kind has them.</summary>
internal static class AnsweredMsrs
{
    private const uint TimeStampCounter = DirectMsrs.TimeStampCounter;
    private const uint PlatformId = 0x17;
    private const uint FeatureControl = 0x3a;
    private const uint MicrocodeUpdate = 0x79;
    private const uint MicrocodeRevision = 0x8b;
    private const uint PlatformInfo = 0xce;
    private const uint MachineCheckCapabilities = 0x179;
    private const uint MachineCheckStatus = 0x17a;
    private const uint MiscEnable = 0x1a0;
    private const uint DebugControl = 0x1d9;
    private const uint AmdSystemConfiguration = 0xc001_0010;
    private const uint AmdHardwareConfiguration = 0xc001_0015;
    private const uint AmdInterruptPending = 0xc001_0055;
    private const uint AmdDecodeConfiguration = 0xc001_1029;

    private const ulong Locked = 1;
    private const ulong FastStrings = 1 << 0;
    private const ulong NoBranchTrace = 1 << 11;
    private const ulong NoPreciseSampling = 1 << 12;
    private const ulong LfenceSerializes = 1 << 1;

    // Linux complains of firmware where an invariant counter does not count with P0.
    private const ulong TscCountsWithP0 = 1 << 24;

    internal static IEnumerable<MsrAnswer> Create(VirtualMachineInfo host, CpuidModel cpuid)
    {
        // The counter is read without an exit; it is not the guest's to set.
        yield return new(TimeStampCounter, 0, IgnoresWrites: true);
        yield return new(PlatformId, 0);
        yield return new(FeatureControl, Locked);
        yield return new(MicrocodeUpdate, 0, IgnoresWrites: true);
        yield return new(MicrocodeRevision, Of(host, MicrocodeRevision), IgnoresWrites: true);
        yield return new(PlatformInfo, 0);
        yield return new(MachineCheckCapabilities, 0);
        yield return new(MachineCheckStatus, 0, IgnoresWrites: true);
        yield return new(MiscEnable, FastStrings | NoBranchTrace | NoPreciseSampling, IgnoresWrites: true);
        yield return new(DebugControl, 0, IgnoresWrites: true);
        if (cpuid.Has(7, 0, Edx, 29))
        {
            yield return new(ArchCapabilities.Msr, ArchCapabilities.Value(host));
        }

        if (cpuid.IsAmd)
        {
            yield return new(AmdSystemConfiguration, 0, IgnoresWrites: true);
            yield return new(AmdInterruptPending, 0, IgnoresWrites: true);
            yield return new(AmdHardwareConfiguration, TscCountsWithP0, IgnoresWrites: true);
            yield return new(AmdDecodeConfiguration, Of(host, AmdDecodeConfiguration) & LfenceSerializes, IgnoresWrites: true);
        }
    }

    private static ulong Of(VirtualMachineInfo host, uint number) => host.FeatureMsrs.FirstOrDefault(msr => msr.Number == number).Value;
}
