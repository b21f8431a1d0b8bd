using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Makatea.LinuxProgram;

/// <summary>The collector, which stops threads wherever they are.</summary>
internal static class CollectorTrials
{
    private static volatile bool _stop;
    private static long _spins;
    private static int _finalized;

    public static string? Spinning()
    {
        _stop = false;
        var thread = new Thread(static () =>
        {
            while (!_stop)
            {
                _spins++;
            }
        });
        thread.Start();
        int before = GC.CollectionCount(2);
        for (int i = 0; i < 100; i++)
        {
            GC.Collect();
        }

        _stop = true;
        thread.Join();
        int collections = GC.CollectionCount(2) - before;
        return collections >= 100 && _spins > 0 ? null : $"{collections} collections, {_spins} rounds";
    }

    public static string? FloatingPoint()
    {
        _stop = false;
        int wrong = 0;
        long rounds = 0;
        Thread[] threads = ThreadTrials.Start(3, () =>
        {
            double expected = Sum(1.25);
            while (!_stop)
            {
                if (Sum(1.25) != expected)
                {
                    Interlocked.Increment(ref wrong);
                }

                Interlocked.Increment(ref rounds);
            }
        });
        for (int i = 0; i < 200; i++)
        {
            GC.Collect(0);
            if (i % 20 == 0)
            {
                Thread.Sleep(1);
            }
        }

        _stop = true;
        ThreadTrials.Join(threads);
        return wrong == 0 && rounds > 0 ? null : $"{wrong} of {rounds} sums are wrong";
    }

    public static string? Finalizers()
    {
        int before = _finalized;
        Drop();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return _finalized - before == 100 ? null : $"{_finalized - before} of 100 ran";
    }

    public static string? OutOfMemory()
    {
        for (int round = 0; round < 3; round++)
        {
            int thrown = 0;
            var kept = new List<byte[]>();
            try
            {
                for (; ; )
                {
                    kept.Add(GC.AllocateUninitializedArray<byte>(1 << 20));
                    kept[^1].AsSpan().Fill(1);
                }
            }
            catch (OutOfMemoryException)
            {
                thrown++;
            }

            int count = kept.Count;
            kept.Clear();
            GC.Collect();
            if (thrown != 1 || count < 4)
            {
                return $"after {count} MiB";
            }
        }

        return null;
    }

    public static string? Stress(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        int before = GC.CollectionCount(0);
        TimeSpan pauses = GC.GetTotalPauseDuration();
        long wrong = 0;
        long objects = 0;
        Thread[] threads = ThreadTrials.Start(4, () =>
        {
            var kept = new Node?[256];
            uint state = (uint)Environment.CurrentManagedThreadId;
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                for (int i = 0; i < 1000; i++)
                {
                    state = (state * 1_664_525) + 1_013_904_223;
                    uint at = (state >> 8) % 256;
                    if (kept[at] is { } old && !old.IsWhole())
                    {
                        Interlocked.Increment(ref wrong);
                    }

                    kept[at] = new Node(state, kept[(state >> 16) % 256]);
                }

                Interlocked.Add(ref objects, 1000);
            }
        });
        ThreadTrials.Join(threads);
        int collections = GC.CollectionCount(0) - before;
        Console.WriteLine($"program: {objects} objects, {collections} collections, {(GC.GetTotalPauseDuration() - pauses).TotalMilliseconds:F0} ms of pauses");
        return wrong == 0 && collections > 0 ? null : $"{wrong} of {objects} objects were not what was stored, {collections} collections";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double Sum(double seed)
    {
        // More values than one register holds, all live throughout.
        double a = seed, b = seed * 2, c = seed * 3, d = seed * 5, e = seed * 7, f = seed * 11, g = seed * 13, h = seed * 17;
        for (int i = 0; i < 10_000; i++)
        {
            a = (a * 1.000001) + b;
            b = (b * 0.999999) + c;
            c = (c * 0.5) + d;
            d = (d * 0.25) + e;
            e = (e * 0.125) + f;
            f = (f * 0.75) + g;
            g = (g * 0.625) + h;
            h = (h * 0.875) + seed;
        }

        return a + b + c + d + e + f + g + h;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop()
    {
        for (int i = 0; i < 100; i++)
        {
            _ = new Finalized();
        }
    }

    private sealed class Finalized
    {
        ~Finalized() => Interlocked.Increment(ref _finalized);
    }

    private sealed class Node
    {
        private readonly uint _seed;
        private readonly byte[] _bytes;
        private Node? _other;

        public Node(uint seed, Node? other)
        {
            _seed = seed;
            _bytes = new byte[seed % 512];
            _bytes.AsSpan().Fill((byte)seed);

            // One step and no more: a chain would keep all of them.
            _other = other;
            if (other is not null)
            {
                other._other = null;
            }
        }

        public bool IsWhole() => _bytes.Length == _seed % 512 && _bytes.AsSpan().IndexOfAnyExcept((byte)_seed) < 0 && (_other is null || _other._bytes.Length == _other._seed % 512);
    }
}
