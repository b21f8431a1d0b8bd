using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// Ends calls on a descriptor that a peer has too, where the peer made them wait. O_NONBLOCK belongs to the open file and not to our descriptor: the
/// peer can clear it at any moment, fill the count of an eventfd or a pipe, and have our next write wait until the peer cares to read.
/// </summary>
/// <remarks>
/// The kernel offers no write to an eventfd that never waits (RWF_NOWAIT is refused), asking before each leaves a gap and costs a call, and the
/// count is not ours to read. So a thread notes in memory that it is in such a call, and once a second somebody looks: one that is still in the same call
/// gets a signal whose handler does nothing, upon which the call fails with EINTR. The doorbell is not rung again. Nothing but a call that waits sees the signal.
/// </remarks>
internal static unsafe class StallGuard
{
    /// <summary>Time between two looks: a call can be held up for twice as long.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly Lock _lock = new();
    private static readonly List<PeerCalls> _threads = [];
    private static Timer? _timer;
    private static int _signal;

    [ThreadStatic]
    private static PeerCalls? _ofThisThread;

    /// <summary>Where this thread notes its calls.</summary>
    internal static PeerCalls OfThisThread => _ofThisThread ?? Register();

    /// <summary>Threads that are looked at.</summary>
    internal static int Count
    {
        get
        {
            lock (_lock)
            {
                return _threads.Count;
            }
        }
    }

    private static PeerCalls Register()
    {
        PeerCalls calls = new(Libc.GetThreadId());
        lock (_lock)
        {
            if (_signal == 0)
            {
                _signal = InstallHandler();
            }

            Unblock(_signal);
            _threads.Add(calls);
            _timer ??= new Timer(static _ => Look(), null, Interval, Interval);
        }

        return _ofThisThread = calls;
    }

    private static void Look()
    {
        lock (_lock)
        {
            _threads.RemoveAll(calls => !calls.IsThreadAlive);
            foreach (PeerCalls calls in _threads)
            {
                if (calls.IsStalled())
                {
                    _ = Libc.ThreadKill(Environment.ProcessId, calls.ThreadId, _signal);
                }
            }

            if (_threads.Count == 0)
            {
                _timer?.Dispose();
                _timer = null;
            }
        }
    }

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
                    throw LinuxError.Io("cannot install the guard for doorbells", "sigaction", Errno.Last);
                }

                return signal;
            }
        }

        throw new IOException("cannot install the guard for doorbells: every signal that it could use has a handler already");
    }

    /// <summary>A thread inherits what whoever started it blocks, across programs as well.</summary>
    private static void Unblock(int signal)
    {
        Libc.SignalAction set = default;
        set.Mask[(signal - 1) / 64] = 1ul << ((signal - 1) % 64);
        _ = Libc.PThreadSigMask(Libc.SIG_UNBLOCK, set.Mask, null);
    }
}
