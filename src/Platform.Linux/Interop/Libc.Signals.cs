using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Signal handlers.</summary>
internal static unsafe partial class Libc
{
    internal const int SIGBUS = 7;
    internal const int SIGURG = 23;
    internal const int SIGRTMAX = 64;

    internal const nint SIG_DFL = 0;
    internal const nint SIG_IGN = 1;

    // The C library wraps neither gettid nor tgkill everywhere; other 64-bit architectures share their numbers.
    private static readonly bool _isX64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    internal const int SIG_UNBLOCK = 1;

    internal const int SA_SIGINFO = 4;
    internal const int SA_ONSTACK = 0x08000000;
    internal const int SA_RESTART = 0x10000000;

    /// <summary><c>struct sigaction</c> of the C libraries (glibc and musl) on x86-64.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SignalAction
    {
        internal nint Handler;
        internal fixed ulong Mask[16];
        internal int Flags;
        internal nint Restorer;
    }

    [LibraryImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    internal static partial int SigAction(int signal, SignalAction* action, SignalAction* previous);

    [LibraryImport(Library, EntryPoint = "pthread_sigmask")]
    internal static partial int PThreadSigMask(int how, ulong* set, ulong* previous);

    /// <summary>The kernel's number of the calling thread.</summary>
    internal static int GetThreadId() => (int)SyscallFast(_isX64 ? 186 : 178, 0, 0, 0, 0, 0, 0);

    /// <summary>Sends a signal to one thread.</summary>
    internal static int ThreadKill(int process, int thread, int signal) => (int)SyscallFast(_isX64 ? 234 : 131, process, thread, signal, 0, 0, 0);
}
