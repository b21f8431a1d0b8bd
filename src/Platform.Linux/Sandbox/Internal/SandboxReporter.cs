namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Reads from a plan that ran which layers are on.</summary>
internal static class SandboxReporter
{
    private static readonly SandboxLayers[] _layers =
        [.. Enum.GetValues<SandboxLayers>().Where(l => l is not (SandboxLayers.None or SandboxLayers.All))];

    public static SandboxReport Report(SpawnContext context, IReadOnlyList<string> refusals, int landlock, bool isOtherUser) =>
        new([.. _layers.Select(layer =>
        {
            string? problem = context.Wants(layer) ? ProblemWith(layer, context, refusals, landlock, isOtherUser) : "not asked for";
            return new SandboxProtection(layer, problem is null, problem ?? Describe(layer, context, landlock));
        })]);

    private static string? ProblemWith(SandboxLayers layer, SpawnContext context, IReadOnlyList<string> refusals, int landlock, bool isOtherUser) => layer switch
    {
        SandboxLayers.UserNamespace => context.HasUserNamespace ? null : string.Join("; ", refusals),
        SandboxLayers.ProcessNamespace => context.HasProcessNamespace ? null : string.Join("; ", refusals),
        SandboxLayers.Unprivileged when !SandboxHost.IsRoot => null,
        SandboxLayers.Unprivileged when !isOtherUser => $"user {context.Options.UserId} does not exist in the user namespace of the starter",
        SandboxLayers.Landlock when landlock <= 0 => $"landlock_create_ruleset: {SandboxNative.Describe(-landlock)}",
        _ => FailedStep(layer, context.Plan),
    };

    private static unsafe string? FailedStep(SandboxLayers layer, SpawnPlan plan)
    {
        for (int i = 0; i < plan.Count; i++)
        {
            long result = plan.At(i)->Result;
            if (plan.LayerOf(i) == layer && result < plan.At(i)->Minimum)
            {
                return result == SyscallStep.NotRun ? $"{plan.What(i)}: not reached" : $"{plan.What(i)}: {SandboxNative.Describe(-result)}";
            }
        }

        return null;
    }

    private static string Describe(SandboxLayers layer, SpawnContext context, int landlock) => layer switch
    {
        SandboxLayers.UserNamespace => $"user {SpawnContext.InnerId} inside",
        SandboxLayers.ProcessNamespace => "process 1, alone",
        SandboxLayers.MountNamespace => $"root of its own, read-only, with {context.Layout.Mounts.Count()} granted paths",
        SandboxLayers.NetworkNamespace => "no interface",
        SandboxLayers.IpcNamespace => "no message queue",
        SandboxLayers.UtsNamespace => $"host name '{NamespaceSteps.HostName}'",
        SandboxLayers.CgroupNamespace => "own control group as root",
        SandboxLayers.Limits => LimitsOf(context),
        SandboxLayers.Unprivileged => SandboxHost.IsRoot ? $"user {context.Options.UserId}" : $"user {SandboxNative.GetEffectiveUser()}, as the starter",
        SandboxLayers.NoCapabilities => HasEmptyBoundingSet(context.Plan) ? "all sets empty" : "all sets empty but the bounding set",
        SandboxLayers.DiesWithParent => "SIGKILL",
        SandboxLayers.NoNewPrivileges => "on execve",
        SandboxLayers.Landlock => $"ABI {landlock}",
        SandboxLayers.Seccomp => context.Options.AllowIoUring ? "named system calls and io_uring" : "named system calls",
        _ => "",
    };

    private static bool HasEmptyBoundingSet(SpawnPlan plan) =>
        Enumerable.Range(0, plan.Count).Where(i => plan.What(i).StartsWith(PrivilegeSteps.DropCapability, StringComparison.Ordinal)).All(plan.Succeeded);

    private static string LimitsOf(SpawnContext context) => string.Join(' ', PrivilegeSteps.Limits(context).Select(l => $"{l.Name}={l.Value}"));
}
