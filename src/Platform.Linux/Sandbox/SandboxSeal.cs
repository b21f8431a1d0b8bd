using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux;

/// <summary>What a component still needs once it serves.</summary>
[Flags]
public enum SandboxSealRights
{
    /// <summary>Nothing but what it holds.</summary>
    None = 0,

    /// <summary>To open files for reading, of those that it was granted: an assembly that is loaded when first used, say.</summary>
    OpenFiles = 1 << 0,

    /// <summary>To make memory executable: the just-in-time compiler. A program compiled ahead of time does without.</summary>
    ExecutableMemory = 1 << 1,

    /// <summary>To set up io_uring rings. Operations on a new ring do not pass the filter: make the rings first, then seal.</summary>
    NewRings = 1 << 2,
}

/// <summary>
/// A second, tighter filter that a component puts on itself, on all of its threads at once, when it has started up. It only takes away;
/// nothing gives back. It works in and outside of a sandbox.
/// </summary>
public static class SandboxSeal
{
    private const long SetNoNewPrivileges = 38;
    private const long SetDumpable = 4;
    private const long SetModeFilter = 1;
    private const long SynchronizeThreads = 1;

    /// <summary>Seals the process.</summary>
    /// <param name="keep">What it still needs.</param>
    /// <exception cref="SandboxException">The kernel refused; the process is not sealed.</exception>
    public static unsafe void Apply(SandboxSealRights keep = SandboxSealRights.OpenFiles | SandboxSealRights.ExecutableMemory)
    {
        SandboxHost.RequireLinuxX64();
        Check("PR_SET_NO_NEW_PRIVS", SandboxNative.Call((long)Syscall.Prctl, SetNoNewPrivileges, 1, 0, 0));
        Check("PR_SET_DUMPABLE", SandboxNative.Call((long)Syscall.Prctl, SetDumpable, 0, 0, 0));

        SeccompProgram program = SeccompProgram.Assemble(SealPolicy.Rules(keep), SeccompProgram.Allow);
        fixed (BpfInstruction* code = program.Code)
        {
            // struct sock_fprog { u16 len; struct sock_filter *filter; }
            long* structure = stackalloc long[] { program.Code.Length, (long)code };
            Check("SECCOMP_SET_MODE_FILTER", SandboxNative.Call((long)Syscall.Seccomp, SetModeFilter, SynchronizeThreads, (long)structure, 0));
        }
    }

    private static void Check(string what, long result)
    {
        if (result > 0)
        {
            throw new SandboxException($"{what}: thread {result} has a filter of its own, so the process cannot be sealed");
        }

        if (result < 0)
        {
            throw new SandboxException($"{what}: {SandboxNative.Describe(Errno.Last)}. The process is not sealed.");
        }
    }
}
