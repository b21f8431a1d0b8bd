using System.Globalization;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Benchmarks.Block;

/// <summary>
/// What a random 4 KiB request costs on each engine of <see cref="FileBlockDevice"/>, in CPU time of the whole process (with the kernel's workers for
/// it), so that other load on the machine matters little. The least of several rounds is shown.
/// </summary>
internal static class FileEngineBenchmark
{
    private const int FileLength = 256 << 20;
    private const int RequestLength = 4096;
    private const int Rounds = 5;
    private static readonly int[] Batches = [1, 8, 32];
    private static readonly TimeSpan RoundTime = TimeSpan.FromMilliseconds(150);

    internal static void Run(string[] folders)
    {
        Console.WriteLine("ns of CPU time per random 4 KiB request in the page cache, by batch (submit a batch, sleep until it is done)");
        foreach (string folder in folders.Length == 0 ? ["/dev/shm", Environment.CurrentDirectory] : folders)
        {
            string path = Path.Combine(folder, $"makatea-bench-{Environment.ProcessId}");
            try
            {
                Fill(path);
                foreach (FileEngine engine in new[] { FileEngine.Mapped, FileEngine.Inline, FileEngine.IoUring, FileEngine.Threads })
                {
                    Measure(folder, path, engine);
                }
            }
            finally
            {
                File.Delete(path);
            }
        }
    }

    private static void Fill(string path)
    {
        byte[] megabyte = new byte[1 << 20];
        new Random(1).NextBytes(megabyte);
        using FileStream file = File.Create(path);
        for (int i = 0; i < FileLength >> 20; i++)
        {
            file.Write(megabyte);
        }

        file.Flush(flushToDisk: true);
    }

    private static void Measure(string folder, string path, FileEngine engine)
    {
        foreach (BlockOperation operation in new[] { BlockOperation.Read, BlockOperation.Write })
        {
            string[] costs = new string[Batches.Length];
            for (int i = 0; i < Batches.Length; i++)
            {
                FileBlockDevice device;
                try
                {
                    device = FileBlockDevice.Open(path, new FileBlockOptions { Engine = engine });
                }
                catch (IOException e)
                {
                    Console.WriteLine($"{folder,-16} {engine,-8} {e.Message}");
                    return;
                }

                using FileBlockDevice opened = device;
                using BlockQueue queue = device.OpenQueue(Batches[i]);
                using Batch batch = new(queue, operation, Batches[i]);
                costs[i] = batch.Measure().ToString("0", CultureInfo.InvariantCulture).PadLeft(7);
            }

            Console.WriteLine($"{folder,-16} {engine,-8} {operation,-6} {string.Join(' ', Batches.Zip(costs, (size, cost) => $"{size,3}: {cost}"))}");
        }
    }

    /// <summary>One batch of requests, submitted over and over at random sectors.</summary>
    private sealed class Batch : IDisposable
    {
        private readonly BlockQueue _queue;
        private readonly NativeArray<byte> _memory;
        private readonly NativeArray<MemorySegment> _segments;
        private readonly BlockRequest[] _requests;
        private readonly BlockCompletion[] _completions;
        private readonly DoorbellWaiter _waiter = new LinuxHost().CreateWaiter();
        private ulong _random = 88172645463325252;

        internal Batch(BlockQueue queue, BlockOperation operation, int size)
        {
            _queue = queue;
            _memory = new NativeArray<byte>(size * RequestLength);
            _memory.AsSpan().Fill(1);
            _segments = new NativeArray<MemorySegment>(size);
            _requests = new BlockRequest[size];
            _completions = new BlockCompletion[size];
            if (queue.Completions is { } doorbell)
            {
                _waiter.Add(doorbell, 0);
            }

            for (int i = 0; i < size; i++)
            {
                _segments[i] = _memory.AsSegment(i * RequestLength, RequestLength);
                _requests[i] = new BlockRequest
                {
                    Operation = operation,
                    SectorCount = RequestLength / BlockDevice.SectorSize,
                    Tag = i,
                    Data = ScatterList.Of(_segments, i, 1),
                };
            }
        }

        internal double Measure()
        {
            double least = double.MaxValue;
            for (int round = 0; round < Rounds; round++)
            {
                long requests = 0;
                TimeSpan start = Environment.CpuUsage.TotalTime;
                TimeSpan used;
                do
                {
                    for (int i = 0; i < 4096 / _requests.Length; i++)
                    {
                        RunOnce();
                        requests += _requests.Length;
                    }

                    used = Environment.CpuUsage.TotalTime - start;
                }
                while (used < RoundTime);
                least = Math.Min(least, used.TotalNanoseconds / requests);
            }

            return least;
        }

        public void Dispose()
        {
            _waiter.Dispose();
            _memory.Dispose();
            _segments.Dispose();
        }

        private void RunOnce()
        {
            foreach (ref BlockRequest request in _requests.AsSpan())
            {
                _random ^= _random << 13;
                _random ^= _random >> 7;
                _random ^= _random << 17;
                request.Sector = _random % (FileLength / RequestLength) * (RequestLength / BlockDevice.SectorSize);
            }

            _queue.Submit(_requests);
            int left = _requests.Length;
            while (left > 0)
            {
                int count = _queue.Poll(_completions);
                foreach (BlockCompletion completion in _completions.AsSpan(0, count))
                {
                    if (completion.Status != BlockStatus.Ok)
                    {
                        throw new IOException($"a request ended with {completion.Status}");
                    }
                }

                left -= count;
                if (count == 0 && _queue.Arm() is long deadline and not BlockQueue.Ready)
                {
                    _waiter.Wait(deadline);
                }
            }
        }
    }
}
