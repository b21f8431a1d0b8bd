using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>The last steps: the filter and the program.</summary>
internal static unsafe class ProgramSteps
{
    private const long MayMove = 1;
    private const long Fixed = 2;
    private const long SetModeFilter = 1;

    /// <summary>
    /// Moves the page with the program's path to the lowest address that can be mapped. The filter admits <c>execve</c> of a path at that
    /// address alone, and no mapping there; so once the program runs, no <c>execve</c> can succeed.
    /// </summary>
    public static uint MovePathToGate(SpawnContext context)
    {
        SpawnPlan plan = context.Plan;
        uint gate = SandboxHost.Gate;
        byte[] path = System.Text.Encoding.UTF8.GetBytes(context.Options.Executable + '\0');
        if (path.Length > SpawnPlan.GateLength)
        {
            throw new SandboxException($"the executable's path is longer than {SpawnPlan.GateLength - 1} bytes");
        }

        path.CopyTo(new Span<byte>(plan.Gate, SpawnPlan.GateLength));
        plan.Add($"map the program's path at 0x{gate:x}", Syscall.Mremap, (long)plan.Gate, SpawnPlan.GateLength, SpawnPlan.GateLength, MayMove | Fixed, gate);
        return gate;
    }

    public static void Filter(SpawnContext context, uint gate)
    {
        SpawnPlan plan = context.Plan;
        SeccompProgram program = SeccompProgram.Assemble(SeccompPolicy.Rules(gate, context.Options.AllowIoUring), SeccompPolicy.Otherwise);
        var code = (BpfInstruction*)plan.Store(MemoryMarshal.AsBytes(program.Code), 8);
        if (!context.HasProcessNamespace)
        {
            foreach (int operand in program.OwnProcessOperands)
            {
                plan.Add("put the process id into the filter", Syscall.Getpid).Into((nint)(code + operand) + BpfInstruction.OperandOffset);
            }
        }

        // struct sock_fprog { u16 len; struct sock_filter *filter; }
        long[] fprog = [program.Code.Length, (long)code];
        long structure = (long)plan.Store(MemoryMarshal.AsBytes<long>(fprog), 8);
        PlanLabel next = context.Label();
        context.Prove(SandboxLayers.Seccomp, plan.Add("seccomp(SECCOMP_SET_MODE_FILTER)", Syscall.Seccomp, SetModeFilter, 0, structure), next);
        next.Put();
    }

    public static void Execute(SpawnContext context, uint gate)
    {
        SpawnPlan plan = context.Plan;
        SandboxOptions options = context.Options;
        long arguments = plan.TextTable(options.Arguments.Prepend(options.Executable));
        long environment = plan.TextTable(options.Environment.Select(e => $"{e.Key}={e.Value}"));
        plan.Add($"execve({options.Executable})", Syscall.Execve, gate, arguments, environment);
    }
}
