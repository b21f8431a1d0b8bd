using System.Diagnostics;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>A notification object: badges are or-ed, and taken whole.</summary>
internal sealed class ModelNotification
{
    private readonly object _gate = new();
    private ulong _badges;
    private bool _active;
    private Timer? _timer;

    /// <summary>Signals seen, for tests of what costs a system call.</summary>
    internal int Signals { get; private set; }

    internal void Signal(ulong badge)
    {
        lock (_gate)
        {
            Signals++;
            _badges |= badge;
            _active = true;
            Monitor.PulseAll(_gate);
        }
    }

    internal ulong Wait()
    {
        lock (_gate)
        {
            // Longer than any test: a wake-up that was lost fails it by this.
            long start = Stopwatch.GetTimestamp();
            while (!_active)
            {
                if (!Monitor.Wait(_gate, TimeSpan.FromSeconds(60)) && Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(60))
                {
                    throw new TimeoutException("nobody signalled for a minute");
                }
            }

            return Take();
        }
    }

    internal ulong Poll()
    {
        lock (_gate)
        {
            return Take();
        }
    }

    /// <summary>What the layer does: bit 63 at a time of CLOCK_MONOTONIC, never for 0.</summary>
    internal void SetTimer(ulong nanoseconds)
    {
        lock (_gate)
        {
            _timer?.Dispose();
            _timer = null;
            if (nanoseconds != 0)
            {
                double left = (nanoseconds - (Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency))) / 1e6;
                _timer = new Timer(_ => Signal(1ul << 63), null, (long)Math.Max(Math.Ceiling(left), 0), Timeout.Infinite);
            }
        }
    }

    private ulong Take()
    {
        ulong badges = _badges;
        _badges = 0;
        _active = false;
        return badges;
    }
}
