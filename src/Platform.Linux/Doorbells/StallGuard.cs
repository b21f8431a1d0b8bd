namespace Makatea.Platform.Linux;

/// <summary>
/// Ends calls on a descriptor that a peer has too, where the peer made them wait. O_NONBLOCK belongs to the open file and not to our descriptor: the
/// peer can clear it at any moment, fill the count of an eventfd or a pipe, and have our next write wait until the peer cares to read.
/// </summary>
/// <remarks>
/// The kernel offers no write to an eventfd that never waits (RWF_NOWAIT is refused), asking before each leaves a gap and costs a call, and the
/// count is not ours to read. So a thread notes in memory that it is in such a call, and once a second somebody looks: one that is still in the same call
/// gets a signal whose handler does nothing (<see cref="InterruptingSignal"/>), upon which the call fails with EINTR. The doorbell is not rung again. Nothing but a call that waits sees the signal.
/// </remarks>
internal static class StallGuard
{
    /// <summary>Time between two looks: a call can be held up for twice as long.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly Lock _lock = new();
    private static readonly List<PeerCalls> _threads = [];
    private static Timer? _timer;

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
        PeerCalls calls = new(InterruptingSignal.Admit());
        lock (_lock)
        {
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
                    InterruptingSignal.Send(calls.ThreadId);
                }
            }

            if (_threads.Count == 0)
            {
                _timer?.Dispose();
                _timer = null;
            }
        }
    }
}
