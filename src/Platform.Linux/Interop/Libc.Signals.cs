using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Signal handlers.</summary>
internal static unsafe partial class Libc
{
    internal const int SIGBUS = 7;

    internal const nint SIG_IGN = 1;

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
}
