using static Makatea.Platform.Linux.Sandboxing.ArgumentTest;
using static Makatea.Platform.Linux.Sandboxing.Syscall;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>What <see cref="SandboxSeal"/> takes away. Everything else is left to the filter that the process started under.</summary>
internal static class SealPolicy
{
    private const uint Executable = 4;
    private static readonly Syscall[] _never = [Execve, Execveat, Socket, Connect, Bind, Listen, Ptrace];
    private static readonly Syscall[] _opening = [Open, Openat, Openat2];

    public static IEnumerable<SyscallRule> Rules(SandboxSealRights keep)
    {
        foreach (Syscall number in _never)
        {
            yield return new(number, [], SeccompPolicy.Eperm);
        }

        if ((keep & SandboxSealRights.OpenFiles) == 0)
        {
            foreach (Syscall number in _opening)
            {
                yield return new(number, [], SeccompPolicy.Eacces);
            }
        }

        if ((keep & SandboxSealRights.NewRings) == 0)
        {
            yield return new(IoUringSetup, [], SeccompPolicy.Eperm);
        }

        if ((keep & SandboxSealRights.ExecutableMemory) == 0)
        {
            yield return new(Mmap, [[Bits(2, Executable, 0)]], SeccompPolicy.Eperm);
            yield return new(Mprotect, [[Bits(2, Executable, 0)]], SeccompPolicy.Eperm);
            yield return new(PkeyMprotect, [[Bits(2, Executable, 0)]], SeccompPolicy.Eperm);
        }
    }
}
