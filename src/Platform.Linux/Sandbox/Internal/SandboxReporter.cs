namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Reads from a plan that ran which layers are on.</summary>
internal static class SandboxReporter
{
    public static SandboxReport Report(SpawnContext context, IReadOnlyList<string> refusals, string landlock, bool isOtherUser)
    {
        string refused = refusals.Count == 0 ? "refused" : string.Join("; ", refusals);
        var protections = new List<SandboxProtection>();
        foreach (SandboxLayers layer in Enum.GetValues<SandboxLayers>())
        {
            if (layer is SandboxLayers.None or SandboxLayers.All)
            {
                continue;
            }

            protections.Add(!context.Wants(layer) ? new(layer, false, "not asked for") : layer switch
            {
                SandboxLayers.UserNamespace => new(layer, context.HasUserNamespace, context.HasUserNamespace ? $"user {SpawnContext.InnerId} inside" : refused),
                SandboxLayers.ProcessNamespace => new(layer, context.HasProcessNamespace, context.HasProcessNamespace ? "process 1 inside" : refused),
                SandboxLayers.Unprivileged when !SandboxHost.IsRoot => new(layer, true, "the starter's user, who is not root"),
                SandboxLayers.Unprivileged when !isOtherUser => new(layer, false, $"user {context.Options.UserId} does not exist in the starter's user namespace"),
                SandboxLayers.Landlock when FromSteps(context, layer) is { IsActive: true } => new(layer, true, landlock),
                SandboxLayers.Landlock when !landlock.StartsWith("ABI", StringComparison.Ordinal) => new(layer, false, landlock),
                _ => FromSteps(context, layer),
            });
        }

        return new(protections);
    }

    private static unsafe SandboxProtection FromSteps(SpawnContext context, SandboxLayers layer)
    {
        SpawnPlan plan = context.Plan;
        int[] steps = [.. Enumerable.Range(0, plan.Count).Where(i => plan.LayerOf(i) == layer)];
        int failed = Array.FindIndex(steps, i => plan.At(i)->Result < plan.At(i)->Minimum && plan.At(i)->Result != SyscallStep.NotRun);
        if (failed >= 0)
        {
            return new(layer, false, $"{plan.What(steps[failed])}: {SandboxNative.Describe(-plan.At(steps[failed])->Result)}");
        }

        bool active = steps.Length > 0 && steps.All(i => plan.At(i)->Result != SyscallStep.NotRun);
        return new(layer, active, steps.Length == 0 ? "nothing to do" : plan.What(steps[^1]));
    }
}
