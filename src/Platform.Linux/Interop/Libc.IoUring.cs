using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>io_uring's three system calls, which the C library does not wrap. Their numbers are the same on every architecture.</summary>
internal static unsafe partial class Libc
{
    private const nint SysIoUringSetup = 425;
    private const nint SysIoUringEnter = 426;
    private const nint SysIoUringRegister = 427;

    /// <summary>Makes a ring. <see cref="Errno.Last"/> tells of failures.</summary>
    internal static int IoUringSetup(uint entries, IoUringParams* parameters) =>
        (int)Syscall2(SysIoUringSetup, (nint)entries, (nint)parameters);

    /// <summary>Registers something with a ring. <see cref="Errno.Last"/> tells of failures.</summary>
    internal static int IoUringRegister(int ring, uint operation, void* argument, uint count) =>
        (int)Syscall4(SysIoUringRegister, ring, (nint)operation, (nint)argument, (nint)count);

    /// <summary>Submits and reaps. <see cref="Marshal.GetLastSystemError"/> tells of failures.</summary>
    internal static int IoUringEnter(int ring, uint submit, uint complete, uint flags) =>
        (int)SyscallFast(SysIoUringEnter, ring, (nint)submit, (nint)complete, (nint)flags, 0, 0);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall2(nint number, nint a, nint b);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall4(nint number, nint a, nint b, nint c, nint d);

    [LibraryImport(Library, EntryPoint = "syscall")]
    private static partial nint SyscallFast(nint number, nint a, nint b, nint c, nint d, nint e, nint f);
}
