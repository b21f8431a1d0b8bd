using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// A signal that has a thread's call come back: its handler does nothing, and the call that waits fails with EINTR. A thread that is in no call does not notice it.
/// </summary>
internal static unsafe class InterruptingSignal
{
    private static readonly Lock _lock = new();
    private static int _number;

    /// <summary>Makes the calling thread one to which it can be sent: a thread inherits what whoever started it blocks, across programs as well.</summary>
    /// <returns>The kernel's number of the thread.</returns>
    /// <exception cref="IOException">There is no signal left to use.</exception>
    internal static int Admit()
    {
        int signal;
        lock (_lock)
        {
            if (_number == 0)
            {
                _number = InstallHandler();
            }

            signal = _number;
        }

        Libc.SignalAction set = default;
        set.Mask[(signal - 1) / 64] = 1ul << ((signal - 1) % 64);
        _ = Libc.PThreadSigMask(Libc.SIG_UNBLOCK, set.Mask, null);
        return Libc.GetThreadId();
    }

    /// <summary>Sends it to a thread of this process that was admitted.</summary>
    internal static void Send(int threadId) => _ = Libc.ThreadKill(Environment.ProcessId, threadId, _number);

    /// <summary>Takes a signal that nobody handles: SIGURG, which does no harm by itself, else one of the real-time ones.</summary>
    private static int InstallHandler()
    {
        // abs() is a function of the C library that takes a number and does nothing.
        nint handler = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "abs");
        Libc.SignalAction current;
        foreach (int signal in Enumerable.Range(Libc.SIGRTMAX - 19, 20).Append(Libc.SIGURG).Reverse())
        {
            if (Libc.SigAction(signal, null, &current) == 0 && current.Handler is Libc.SIG_DFL or Libc.SIG_IGN)
            {
                // Without SA_RESTART: the call is to fail.
                Libc.SignalAction action = default;
                action.Handler = handler;
                action.Flags = Libc.SA_ONSTACK;
                if (Libc.SigAction(signal, &action, null) < 0)
                {
                    throw LinuxError.Io("cannot install the signal that ends calls", "sigaction", Errno.Last);
                }

                return signal;
            }
        }

        throw new IOException("cannot install the signal that ends calls: every one that could be used has a handler already");
    }
}
