namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Puts the steps of a sandboxed start in order.</summary>
internal static unsafe class SandboxPlan
{
    /// <summary>Builds the plan in <paramref name="context"/>.</summary>
    /// <param name="context">The context.</param>
    /// <param name="descriptors">The descriptors.</param>
    /// <param name="parentGo">The parent's end of the go pipe.</param>
    /// <param name="parentStatus">The parent's end of the status pipe.</param>
    /// <param name="landlock">Landlock's ABI, 0 for none.</param>
    /// <param name="interpreter">The executable's ELF interpreter.</param>
    public static void Build(SpawnContext context, DescriptorSteps descriptors, int parentGo, int parentStatus, int landlock, string? interpreter)
    {
        SpawnPlan plan = context.Plan;
        plan.SetCloneFlags(context.CloneFlags | SpawnContext.ProcessDescriptor | SpawnPlan.ChildSignal);
        PrivilegeSteps.ResetSignals(plan);
        descriptors.Save(plan, parentGo, parentStatus);
        plan.Add("setsid", Syscall.Setsid);
        plan.Add("wait for the parent", Syscall.Read, descriptors.Go, (long)plan.Store([0]), 1).AtLeast(1);

        // While it still has the capabilities of its user namespace, or its parent's.
        NamespaceSteps.Enter(context);
        PlanStep? openProc = null;
        if (context.Wants(SandboxLayers.MountNamespace))
        {
            var root = new RootSteps(context);
            root.PickUp();
            PrivilegeSteps.ChangeUser(context);
            openProc = root.Build();
        }
        else
        {
            PrivilegeSteps.ChangeUser(context);
        }

        PlanLabel noLandlock = context.Label();
        bool useLandlock = context.Wants(SandboxLayers.Landlock) && landlock > 0;
        if (useLandlock)
        {
            LandlockSteps.Prepare(context, descriptors.Ruleset, landlock, interpreter, openProc, noLandlock);
            noLandlock.Put();
        }

        plan.Add($"chdir {context.Options.WorkingDirectory}", Syscall.Chdir, plan.Text(context.Options.WorkingDirectory));
        if (context.Wants(SandboxLayers.Limits))
        {
            PrivilegeSteps.SetLimits(context);
        }

        if (context.Wants(SandboxLayers.NoCapabilities))
        {
            PrivilegeSteps.DropCapabilities(context);
        }

        PrivilegeSteps.UnblockSignals(plan);
        PrivilegeSteps.DieWithParent(context, descriptors.Status);
        descriptors.Grant(plan);
        uint gate = ProgramSteps.MovePathToGate(context);

        // From the weakest to the strongest: nothing but the start of the program follows.
        PrivilegeSteps.ForbidNewPrivileges(context);
        if (useLandlock)
        {
            PlanLabel notRestricted = context.Label();
            LandlockSteps.Restrict(context, descriptors.Ruleset, notRestricted);
            notRestricted.Put();
        }

        if (context.Wants(SandboxLayers.Seccomp))
        {
            ProgramSteps.Filter(context, gate);
        }

        ProgramSteps.Execute(context, gate);
    }
}
