using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// Landlock: refuses every use of the file system by name but reading what was granted, TCP, and (from ABI 6) abstract UNIX sockets and
/// signals to the outside. The rules name inodes, so they hold with and without a root of its own.
/// </summary>
internal static unsafe class LandlockSteps
{
    private const ulong Execute = 1 << 0;
    private const ulong WriteFile = 1 << 1;
    private const ulong ReadFile = 1 << 2;
    private const ulong ReadDirectory = 1 << 3;

    // By the version that brought them: 13 rights, then refer, truncate, (TCP), ioctl on devices.
    private const ulong Version1 = (1 << 13) - 1;
    private const ulong Refer = 1 << 13;
    private const ulong Truncate = 1 << 14;
    private const ulong ControlDevice = 1 << 15;
    private const ulong BindAndConnectTcp = 3;
    private const ulong AbstractSocketsAndSignals = 3;

    private const long AtCurrentDirectory = -100;
    private const long PathOnlyCloseOnExec = 0x20_0000 | 0x8_0000;
    private const long CloseOnExec = 0x8_0000;
    private const long PathBeneath = 1;

    /// <summary>Makes the ruleset, while paths can still be opened.</summary>
    /// <param name="context">The context.</param>
    /// <param name="ruleset">Number that the ruleset's descriptor gets.</param>
    /// <param name="version">Landlock's ABI.</param>
    /// <param name="interpreter">The executable's ELF interpreter.</param>
    /// <param name="openProc">The step that opened /proc of a root of its own, if that was built.</param>
    /// <param name="none">Where to go on if the kernel refuses.</param>
    public static void Prepare(SpawnContext context, int ruleset, int version, string? interpreter, PlanStep? openProc, PlanLabel none)
    {
        SpawnPlan plan = context.Plan;
        ulong[] handled =
        [
            Version1 | (version >= 2 ? Refer : 0) | (version >= 3 ? Truncate : 0) | (version >= 5 ? ControlDevice : 0),
            BindAndConnectTcp,
            AbstractSocketsAndSignals,
        ];
        int length = version >= 6 ? 24 : version >= 4 ? 16 : 8;
        long attributes = (long)plan.Store(MemoryMarshal.AsBytes<ulong>(handled), 8);
        PlanStep create = context.Prove(SandboxLayers.Landlock, plan.Add("landlock_create_ruleset", Syscall.LandlockCreateRuleset, attributes, length, 0), none);
        PlanStep keep = plan.Add("keep the ruleset", Syscall.Dup3, 0, ruleset, CloseOnExec);
        create.Into(keep.Argument(0));

        foreach (string path in context.Layout.Mounts)
        {
            AllowBeneath(plan, ruleset, path, Directory.Exists(path) ? ReadFile | ReadDirectory : ReadFile);
        }

        AllowBeneath(plan, ruleset, context.Options.Executable, ReadFile | Execute);
        if (interpreter is not null)
        {
            AllowBeneath(plan, ruleset, interpreter, ReadFile | Execute);
        }

        AllowBeneath(plan, ruleset, "/dev/null", ReadFile | WriteFile);
        AllowBeneath(plan, ruleset, "/dev/urandom", ReadFile);

        // All that a /proc of its own shows is its own; in the host's, its own directory. That rule holds while the kernel keeps the entry.
        AllowBeneath(plan, ruleset, "/proc/self", ReadFile | ReadDirectory);
        if (openProc is { } proc)
        {
            PlanStep open = AllowBeneath(plan, ruleset, ".", ReadFile | ReadDirectory, directory: -1);
            proc.Into(open.Argument(0));
        }
    }

    /// <summary>Puts the ruleset on.</summary>
    public static void Restrict(SpawnContext context, int ruleset, PlanLabel none) =>
        context.Prove(SandboxLayers.Landlock, context.Plan.Add("landlock_restrict_self", Syscall.LandlockRestrictSelf, ruleset, 0), none);

    private static PlanStep AllowBeneath(SpawnPlan plan, int ruleset, string path, ulong rights, long directory = AtCurrentDirectory)
    {
        // struct landlock_path_beneath_attr { u64 allowed_access; s32 parent_fd; } packed
        Span<byte> rule = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(rule, rights);
        byte* address = plan.Store(rule, 8);
        PlanLabel next = new(plan);
        PlanStep open = plan.Add($"open {path} for a rule", Syscall.Openat, directory, plan.Text(path), PathOnlyCloseOnExec).Into((nint)(address + 8)).OrGoTo(next);
        plan.Add($"landlock_add_rule({path})", Syscall.LandlockAddRule, ruleset, PathBeneath, (long)address, 0);
        next.Put();
        return open;
    }
}
