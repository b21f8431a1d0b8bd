using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>What the sandbox calls of libc in the starting process, and in the component for the seal.</summary>
internal static unsafe partial class SandboxNative
{
    public const int ProtRead = 1;
    public const int ProtWrite = 2;
    public const int ProtExec = 4;

    private const int MapShared = 0x01;
    private const int MapPrivate = 0x02;
    private const int MapAnonymousFlag = 0x20;

    public static nint MapAnonymous(nuint length, bool shared)
    {
        nint address = mmap(0, length, ProtRead | ProtWrite, MapAnonymousFlag | (shared ? MapShared : MapPrivate), -1, 0);
        return address != -1 ? address : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"cannot map {length} bytes");
    }

    /// <summary>The kernel's words for an error number, with the number.</summary>
    public static string Describe(long error) => error switch
    {
        1 => "EPERM, operation not permitted",
        2 => "ENOENT, no such file or directory",
        11 => "EAGAIN, a limit of the user or the system is reached",
        12 => "ENOMEM, out of memory",
        13 => "EACCES, permission denied",
        22 => "EINVAL, not known to this kernel, or not allowed in this place",
        28 => "ENOSPC, the limit of such namespaces is reached",
        38 => "ENOSYS, not known to this kernel",
        95 => "EOPNOTSUPP, switched off in this kernel",
        _ => $"{Marshal.GetPInvokeErrorMessage((int)error)} (errno {error})",
    };

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int munmap(nint address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int pipe2(int* fds, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int waitid(int idType, int id, void* info, int options);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc")]
    public static partial uint getegid();

    [LibraryImport("libc")]
    public static partial int getpid();

    [LibraryImport("libc", SetLastError = true)]
    public static partial long syscall(long number, long a, long b, long c, long d);
}
