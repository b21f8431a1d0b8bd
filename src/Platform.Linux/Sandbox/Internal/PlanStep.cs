namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>A step of a plan, to say more about.</summary>
internal readonly unsafe struct PlanStep(SpawnPlan plan, int index)
{
    /// <summary>Address of the low half of an argument, for <see cref="Into"/>.</summary>
    public nint Argument(int argument) => (nint)(plan.At(index)->Arguments + argument);

    /// <summary>The result counts as a failure if it is less.</summary>
    public PlanStep AtLeast(long minimum)
    {
        plan.At(index)->Minimum = minimum;
        return this;
    }

    /// <summary>After success the low 32 bits of the result go to an address in the plan.</summary>
    public PlanStep Into(nint address)
    {
        plan.At(index)->Patch = address;
        return this;
    }

    /// <summary>A failure does not matter.</summary>
    public PlanStep Optional()
    {
        plan.At(index)->OnFailure = sizeof(SyscallStep);
        return this;
    }

    /// <summary>After a failure, goes on where <paramref name="label"/> is put.</summary>
    public PlanStep OrGoTo(PlanLabel label)
    {
        label.Add(index, success: false);
        return this;
    }

    /// <summary>After success, goes on where <paramref name="label"/> is put.</summary>
    public PlanStep ThenGoTo(PlanLabel label)
    {
        label.Add(index, success: true);
        return this;
    }

    /// <summary>The layer is on only if this step succeeds.</summary>
    public PlanStep Proves(SandboxLayers layer)
    {
        plan.SetLayer(index, layer);
        return this;
    }
}

/// <summary>A place in a plan that steps go to.</summary>
internal sealed unsafe class PlanLabel(SpawnPlan plan)
{
    private readonly List<(int Index, bool Success)> _sources = [];

    public void Add(int index, bool success) => _sources.Add((index, success));

    /// <summary>Puts the label before the step that is added next.</summary>
    public void Put()
    {
        foreach ((int index, bool success) in _sources)
        {
            long distance = (plan.Count - index) * sizeof(SyscallStep);
            if (success)
            {
                plan.At(index)->OnSuccess = distance;
            }
            else
            {
                plan.At(index)->OnFailure = distance;
            }
        }
    }
}
