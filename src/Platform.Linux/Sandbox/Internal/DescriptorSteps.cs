using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// The new process's descriptors. It starts with copies of all of its parent's; what it needs is first moved above every number in use,
/// then put into the granted slots, and the rest is marked to be closed when the program starts.
/// </summary>
internal sealed class DescriptorSteps
{
    private const long CloseOnExec = 0x8_0000;
    private const long CloseRangeCloseOnExec = 4;
    private readonly (int Slot, int Source)[] _granted;
    private readonly int _base;

    /// <param name="granted">The parent's descriptors by slot.</param>
    /// <param name="go">Where the new process waits for its parent.</param>
    /// <param name="status">Where it writes, and whose end its parent sees when the program starts.</param>
    public DescriptorSteps(IReadOnlyDictionary<int, SafeHandle> granted, int go, int status)
    {
        _granted = [.. granted.Select(g => (g.Key, (int)g.Value.DangerousGetHandle())).OrderBy(g => g.Key)];
        _base = 1 + Math.Max(Math.Max(go, status), _granted.Max(g => Math.Max(g.Slot, g.Source)));
        (GoSource, StatusSource) = (go, status);
    }

    /// <summary>Numbers that stay the same from <see cref="Save"/> until the program starts.</summary>
    public int Go => _base;

    /// <inheritdoc cref="Go"/>
    public int Status => _base + 1;

    /// <inheritdoc cref="Go"/>
    public int Ruleset => _base + 2;

    private int GoSource { get; }

    private int StatusSource { get; }

    /// <summary>Moves everything out of the way of the slots.</summary>
    public void Save(SpawnPlan plan, int parentGo, int parentStatus)
    {
        plan.Add("save the go pipe", Syscall.Dup3, GoSource, Go, CloseOnExec);
        plan.Add("save the status pipe", Syscall.Dup3, StatusSource, Status, CloseOnExec);
        for (int i = 0; i < _granted.Length; i++)
        {
            plan.Add($"save the descriptor for slot {_granted[i].Slot}", Syscall.Dup3, _granted[i].Source, Ruleset + 1 + i, CloseOnExec);
        }

        // Its number is taken, so that no descriptor opened on the way gets it.
        plan.Add("reserve a number for the ruleset", Syscall.Dup3, GoSource, Ruleset, CloseOnExec);

        // So that the end of the parent ends these pipes.
        plan.Add("close the parent's end", Syscall.Close, parentGo);
        plan.Add("close the parent's end", Syscall.Close, parentStatus);
    }

    /// <summary>Fills the slots; everything else is closed when the program starts.</summary>
    public void Grant(SpawnPlan plan)
    {
        int free = 0;
        for (int i = 0; i < _granted.Length; i++)
        {
            int slot = _granted[i].Slot;
            plan.Add($"fill slot {slot}", Syscall.Dup3, Ruleset + 1 + i, slot, 0);
            if (slot > free)
            {
                plan.Add($"close {free} to {slot - 1}", Syscall.CloseRange, free, slot - 1, CloseRangeCloseOnExec);
            }

            free = slot + 1;
        }

        plan.Add($"close {free} and above", Syscall.CloseRange, free, uint.MaxValue, CloseRangeCloseOnExec);
    }
}
