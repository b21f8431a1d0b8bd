using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>What the sandbox alone calls of libc, in the starting process and in the component for <see cref="SandboxSeal"/>.</summary>
internal static unsafe partial class SandboxNative
{
    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "pipe2", SetLastError = true)]
    internal static partial int Pipe2(int* fds, int flags);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int fd);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int fd, void* buffer, nuint count);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int fd, void* buffer, nuint count);

    [LibraryImport(Library, EntryPoint = "waitid", SetLastError = true)]
    internal static partial int WaitId(int idType, int id, void* info, int options);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    internal static partial uint GetEffectiveUser();

    [LibraryImport(Library, EntryPoint = "getegid")]
    internal static partial uint GetEffectiveGroup();

    /// <summary>Any system call. Five arguments, as <c>prctl</c> checks that those not used are 0.</summary>
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial long Call(long number, long a, long b, long c, long d, long e = 0);

    /// <summary>The kernel's answer, and what it tells about the machine.</summary>
    internal static string Describe(long error) => Errno.Describe((int)error) + error switch
    {
        Errno.EINVAL => ", not known to this kernel or not possible in this place",
        Errno.ENOSPC => ", the limit of such namespaces is reached or 0",
        Errno.ENOSYS => ", not known to this kernel",
        Errno.EOPNOTSUPP => ", switched off in this kernel",
        _ => "",
    };
}
