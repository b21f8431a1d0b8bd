using Makatea.Platform;

namespace Makatea.Vmm.Policy;

/// <summary>
/// Which MSRs a guest has. It uses directly what is its own processor's state; some it may read, with an answer of ours; its local APIC has more. Whatever is not listed is refused, with a #GP.
/// </summary>
public sealed class MsrPolicy
{
    private readonly Dictionary<uint, MsrAnswer> _answers;

    /// <summary>Makes the policy of a guest.</summary>
    public MsrPolicy(VirtualMachineInfo host, CpuidModel cpuid)
    {
        Direct = [.. DirectMsrs.All.Where(rule => rule.Condition(cpuid)).Select(rule => rule.Permission)];
        _answers = AnsweredMsrs.Create(host, cpuid).ToDictionary(answer => answer.Number);
    }

    /// <summary>What the guest uses without an exit, for <see cref="VirtualMachine.AllowMsrs"/>.</summary>
    public IReadOnlyList<MsrPermission> Direct { get; }

    /// <summary>Answers a RDMSR that made an exit.</summary>
    /// <returns>False where it is refused.</returns>
    public bool TryRead(uint number, out ulong value)
    {
        bool isThere = _answers.TryGetValue(number, out MsrAnswer answer);
        value = answer.Value;
        return isThere;
    }

    /// <summary>Answers a WRMSR that made an exit.</summary>
    /// <returns>False where it is refused. Where it is not, nothing happens.</returns>
    public bool TryWrite(uint number, ulong value) => _answers.TryGetValue(number, out MsrAnswer answer) && (answer.IgnoresWrites || answer.Value == value);
}
