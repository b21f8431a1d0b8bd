using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Signals, user, capabilities and limits.</summary>
internal static unsafe class PrivilegeSteps
{
    private const int LastSignal = 64;
    private const int Kill = 9;
    private const int Stop = 19;
    private const long SetMask = 2;
    private const long SignalSetLength = 8;

    private const long SetParentDeathSignal = 1;
    private const long DropFromBoundingSet = 24;
    private const long SetSecureBits = 28;
    private const long SetNoNewPrivileges = 38;
    private const long Ambient = 47;
    private const long AmbientClearAll = 4;

    // No gain by being user 0, none by changing user, no ambient set; each locked.
    private const long SecureBits = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80;
    public const string DropCapability = "drop capability ";

    private const uint CapabilityVersion3 = 0x2008_0522;

    /// <summary>Forgets the parent's handlers, of which the code is not there after the program starts, and what it ignores.</summary>
    public static void ResetSignals(SpawnPlan plan)
    {
        long action = (long)plan.Store(new byte[32], 8); // SIG_DFL
        for (int signal = 1; signal <= LastSignal; signal++)
        {
            if (signal is not (Kill or Stop))
            {
                plan.Add($"reset signal {signal}", Syscall.RtSigaction, signal, action, 0, SignalSetLength);
            }
        }
    }

    public static void UnblockSignals(SpawnPlan plan)
    {
        long none = (long)plan.Store(0L);
        plan.Add("unblock signals", Syscall.RtSigprocmask, SetMask, none, 0, SignalSetLength);
    }

    /// <summary>The limits to set, by the names that <c>setrlimit</c> has for them: none above the starter's own, which would be refused.</summary>
    public static IEnumerable<(string Name, int Resource, ulong Value)> Limits(SpawnContext context)
    {
        SandboxLimits limits = context.Options.Limits;
        (string Name, int Resource, ulong? Value)[] all =
        [
            ("FSIZE", 1, limits.FileSize), ("DATA", 2, limits.Data), ("CORE", 4, limits.CoreDump), ("NPROC", 6, context.HasUserNamespace ? limits.Threads : null),
            ("NOFILE", 7, limits.OpenFiles), ("MEMLOCK", 8, limits.LockedMemory), ("AS", 9, limits.AddressSpace),
        ];
        return all.Where(l => l.Value is not null).Select(l => (l.Name, l.Resource, Math.Min(l.Value!.Value, SandboxHost.HardLimit(l.Resource))));
    }

    public static void SetLimits(SpawnContext context)
    {
        foreach ((string name, int resource, ulong value) in Limits(context))
        {
            ulong[] pair = [value, value];
            PlanLabel next = context.Label();
            long structure = (long)context.Plan.Store(MemoryMarshal.AsBytes<ulong>(pair), 8);
            context.Prove(SandboxLayers.Limits, context.Plan.Add($"setrlimit(RLIMIT_{name}, {value})", Syscall.Prlimit64, 0, resource, structure, 0), next);
            next.Put();
        }
    }

    /// <summary>Changes to the user who is to run, and keeps the capabilities that the root of its own needs.</summary>
    public static void ChangeUser(SpawnContext context)
    {
        SpawnPlan plan = context.Plan;
        if (context.Wants(SandboxLayers.NoCapabilities | SandboxLayers.Unprivileged))
        {
            plan.Add("lock securebits", Syscall.Prctl, SetSecureBits, SecureBits).Optional();
        }

        if (SandboxHost.IsRoot && context.Wants(SandboxLayers.Unprivileged))
        {
            PlanLabel next = context.Label();
            uint user = context.HasUserNamespace ? SpawnContext.InnerId : context.Options.UserId;
            uint group = context.HasUserNamespace ? SpawnContext.InnerId : context.Options.GroupId;
            context.Prove(SandboxLayers.Unprivileged, plan.Add("setgroups(none)", Syscall.Setgroups, 0, 0), next);
            context.Prove(SandboxLayers.Unprivileged, plan.Add($"setresgid({group})", Syscall.Setresgid, group, group, group), next);
            context.Prove(SandboxLayers.Unprivileged, plan.Add($"setresuid({user})", Syscall.Setresuid, user, user, user), next);
            next.Put();
        }
    }

    public static void DropCapabilities(SpawnContext context)
    {
        SpawnPlan plan = context.Plan;
        PlanLabel next = context.Label();
        uint[] header = [CapabilityVersion3, 0];
        long headerAddress = (long)plan.Store(MemoryMarshal.AsBytes<uint>(header), 8);
        long none = (long)plan.Store(new byte[24], 8);
        for (int capability = 0; capability <= SandboxHost.LastCapability; capability++)
        {
            plan.Add(DropCapability + capability, Syscall.Prctl, DropFromBoundingSet, capability).Optional();
        }

        plan.Add("clear ambient capabilities", Syscall.Prctl, Ambient, AmbientClearAll).Optional();
        context.Prove(SandboxLayers.NoCapabilities, plan.Add("capset(none)", Syscall.Capset, headerAddress, none), next);
        next.Put();
    }

    /// <summary>Every change of user clears this: it comes after the last one.</summary>
    public static void DieWithParent(SpawnContext context, int status)
    {
        if (context.Wants(SandboxLayers.DiesWithParent))
        {
            context.Plan.Add("prctl(PR_SET_PDEATHSIG)", Syscall.Prctl, SetParentDeathSignal, Kill).Proves(SandboxLayers.DiesWithParent);
        }

        // Fails if the parent is dead already.
        context.Plan.Add("report to the parent", Syscall.Write, status, context.Plan.Text("."), 1).AtLeast(1);
    }

    public static void ForbidNewPrivileges(SpawnContext context)
    {
        if (context.Wants(SandboxLayers.NoNewPrivileges))
        {
            context.Plan.Add("prctl(PR_SET_NO_NEW_PRIVS)", Syscall.Prctl, SetNoNewPrivileges, 1).Proves(SandboxLayers.NoNewPrivileges);
        }
    }
}
