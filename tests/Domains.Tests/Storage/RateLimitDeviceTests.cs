using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class RateLimitDeviceTests : BlockViewContract
{
    private const long Second = 1_000_000_000;
    private readonly FakeClock _clock = new();

    [Theory]
    [InlineData(333, 0, 1)]
    [InlineData(333, 50, 3)]
    [InlineData(7, 1, 2)]
    [InlineData(3_000_007, 1000, 2)]
    public void Operations_keep_to_their_rate_exactly_in_the_long_run(long rate, long burst, int queues)
    {
        using var device = Limited(new RateLimits { OperationsPerSecond = rate, OperationsBurst = burst });
        Client[] clients = Clients(device, queues);
        long duration = Math.Max(1, 4_000_000 / rate) * Second / 20;
        Simulate(clients, duration, _ => 8);

        long started = clients.Sum(c => c.Started.Count);
        long expected = (burst == 0 ? rate / 10 : burst) + (long)(rate * (duration / (double)Second));
        Assert.InRange(started, expected - 1, expected + 1);
    }

    [Theory]
    [InlineData(10_000_019, 0, 1)]
    [InlineData(1_000_003, 300_000, 3)]
    public void Bytes_keep_to_their_rate_in_the_long_run(long rate, long burst, int queues)
    {
        using var device = Limited(new RateLimits { BytesPerSecond = rate, BytesBurst = burst });
        Client[] clients = Clients(device, queues);
        var random = new Random(1);
        Simulate(clients, 100 * Second, _ => (uint)random.Next(1, 128));

        long bytes = clients.Sum(c => c.Started.Sum(s => s.Sectors * 512L));
        long expected = (burst == 0 ? rate / 10 : burst) + (100 * rate);
        Assert.InRange(bytes, expected - (queues * 64 * 1024), expected);
    }

    [Fact]
    public void No_window_of_time_holds_more_than_the_burst_the_rate_of_the_window_and_one_for_each_queue()
    {
        const long Rate = 1000;
        const long Burst = 20;
        using var device = Limited(new RateLimits { OperationsPerSecond = Rate, OperationsBurst = Burst });
        Client[] clients = Clients(device, 3);

        // Pauses fill the bucket and make threads late.
        var random = new Random(5);
        for (int i = 0; i < 20; i++)
        {
            Simulate(clients, random.NextInt64(Second / 10), _ => 8);
            _clock.Now += random.NextInt64(Second / 10);
        }

        long[] starts = [.. clients.SelectMany(c => c.Started.Select(s => s.Time)).Order()];
        for (int first = 0; first < starts.Length; first++)
        {
            for (int last = first; last < starts.Length; last++)
            {
                Assert.True(last - first + 1 <= Burst + clients.Length + ((starts[last] - starts[first]) * Rate / (double)Second) + 0.001);
            }
        }
    }

    [Fact]
    public void Queues_take_turns_however_many_and_large_the_requests_of_one_are()
    {
        using var device = Limited(new RateLimits { OperationsPerSecond = 1000, OperationsBurst = 1, BytesPerSecond = 1 << 20 });
        Client[] clients = Clients(device, 4, depths: [1, 4, 32, 64]);
        Simulate(clients, 50 * Second, client => client.Id == 3 ? 128u : 8u);

        int[] started = [.. clients.Select(c => c.Started.Count)];
        Assert.True(started.Min() > 100);
        Assert.True(started.Max() - started.Min() <= 3, string.Join(" ", started));
    }

    [Fact]
    public void Requests_of_a_queue_start_in_the_order_in_which_they_came()
    {
        using var device = Limited(new RateLimits { OperationsPerSecond = 100, OperationsBurst = 3, BytesPerSecond = 1 << 20 });
        Client[] clients = Clients(device, 2);
        Simulate(clients, 5 * Second, _ => 16);
        Assert.All(clients, c => Assert.Equal(c.Started.Select(s => s.Serial).Order(), c.Started.Select(s => s.Serial)));
    }

    [Fact]
    public void A_request_larger_than_the_bucket_waits_for_a_full_one_and_leaves_a_debt()
    {
        using var device = Limited(new RateLimits { BytesPerSecond = 1024 * 1024, BytesBurst = 64 * 1024 });
        Client client = Clients(device, 1)[0];
        long start = _clock.Now;

        client.Submit(128 * 8, 8, 8);
        client.Run();
        Assert.Equal([start], client.Started.Select(s => s.Time));

        // 512 KiB from a full bucket of 64 KiB: 448 KiB of debt and 4 KiB to have, at 1 MiB a second.
        long expected = start + (Second * 452 / 1024);
        Assert.InRange(client.Queue.Arm(), expected - 1, expected + 1);
        _clock.Now = client.Queue.Arm();
        client.Run();
        Assert.Equal(2, client.Started.Count);
        Assert.InRange(client.Queue.Arm(), expected + (Second * 4 / 1024) - 1, expected + (Second * 4 / 1024) + 1);
    }

    [Fact]
    public void Flushes_and_zeroing_count_as_operations_without_bytes()
    {
        using var device = Limited(new RateLimits { OperationsPerSecond = 10, OperationsBurst = 3, BytesPerSecond = 512, BytesBurst = 512 });
        Client client = Clients(device, 1)[0];
        client.Submit(BlockOperation.WriteZeroesUnmap, 1000);
        client.Submit(BlockOperation.Discard, 1000);
        client.Submit(BlockOperation.Flush, 0);
        client.Submit(BlockOperation.Flush, 0);
        client.Run();
        Assert.Equal(3, client.Started.Count);
        Assert.Equal(_clock.Now + (Second / 10), client.Queue.Arm());
    }

    [Fact]
    public void New_limits_hold_at_once_for_requests_that_wait_and_wake_their_threads()
    {
        using var device = Limited(new RateLimits { OperationsPerSecond = 1, OperationsBurst = 1 });
        var doorbell = new CountingDoorbell();
        Client client = Clients(device, 1, doorbell: doorbell)[0];
        client.Submit(8, 8, 8, 8, 8, 8);
        client.Run();
        Assert.Single(client.Started);

        device.Limits = new RateLimits { OperationsPerSecond = 10, OperationsBurst = 2 };
        Assert.Equal(1, doorbell.Rings);
        client.Run();
        Assert.Equal(3, client.Started.Count);
        Assert.Equal(_clock.Now + (Second / 10), client.Queue.Arm());

        device.Limits = RateLimits.None;
        client.Run();
        Assert.Equal(6, client.Started.Count);
        Assert.Equal(DoorbellWaiter.Forever, client.Queue.Arm());
    }

    [Fact]
    public void Threads_that_take_tokens_at_once_get_exactly_those_that_are_there()
    {
        const int Burst = 100_000;
        using var device = new RateLimitDevice(new NullDevice(1 << 20), new RateLimits { OperationsPerSecond = 1, OperationsBurst = Burst }, _clock);
        var started = new int[4];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            using BlockQueue queue = device.OpenQueue(16);
            var completions = new BlockCompletion[16];
            int done = 1;
            while (done != 0)
            {
                queue.Submit([new BlockRequest { Operation = BlockOperation.Flush }]);
                done = queue.Poll(completions);
                started[i] += done;
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(Burst, started.Sum());
    }

    [Theory]
    [InlineData(-1, 0, 0, 0, "-1 operations")]
    [InlineData(0, 5, 0, 0, "burst of 5 operations")]
    [InlineData(0, 0, 5, -1, "burst of -1")]
    [InlineData(1, 1, 0, 5, "burst of 5 bytes")]
    public void Limits_that_make_no_sense_are_refused(long ops, long opsBurst, long bytes, long bytesBurst, string message)
    {
        var limits = new RateLimits { OperationsPerSecond = ops, OperationsBurst = opsBurst, BytesPerSecond = bytes, BytesBurst = bytesBurst };
        using var below = new NullDevice(8);
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new RateLimitDevice(below, limits)).Message);
    }

    protected override BlockDevice CreateOver(BlockDevice below) =>
        new RateLimitDevice(below, new RateLimits { OperationsPerSecond = 500_000, OperationsBurst = 20, BytesPerSecond = 4L << 30, BytesBurst = 1 << 20 });

    private RateLimitDevice Limited(RateLimits limits) => new(new NullDevice(1ul << 40), limits, _clock);

    private Client[] Clients(RateLimitDevice device, int count, int[]? depths = null, Doorbell? doorbell = null) =>
        [.. Enumerable.Range(0, count).Select(i => new Client(i, device.OpenQueue(depths?[i] ?? 32, doorbell), depths?[i] ?? 32, _clock))];

    /// <summary>Keeps every client's queue full for a time, waking each when its queue wants to be polled.</summary>
    private void Simulate(Client[] clients, long duration, Func<Client, uint> sectors)
    {
        long end = _clock.Now + duration;
        while (true)
        {
            foreach (Client client in clients)
            {
                do
                {
                    client.Fill(sectors);
                }
                while (client.Run() != 0);
            }

            long next = clients.Min(c => c.Queue.Arm());
            if (next > end)
            {
                _clock.Now = end;
                return;
            }

            _clock.Now = Math.Max(_clock.Now, next);
        }
    }

    /// <summary>The user of one queue. A request starts when the device below completes it, which is at once.</summary>
    private sealed class Client(int id, BlockQueue queue, int depth, FakeClock clock)
    {
        private readonly (int Serial, uint Sectors)[] _outstanding = new (int, uint)[depth];
        private readonly Stack<int> _free = new(Enumerable.Range(0, depth));
        private readonly BlockCompletion[] _completions = new BlockCompletion[depth];
        private int _serial;

        public int Id => id;

        public BlockQueue Queue => queue;

        public List<(int Serial, uint Sectors, long Time)> Started { get; } = [];

        public void Fill(Func<Client, uint> sectors)
        {
            while (_free.Count != 0)
            {
                Submit(sectors(this));
            }
        }

        public void Submit(params uint[] sectors) => Array.ForEach(sectors, s => Submit(BlockOperation.Read, s));

        public void Submit(BlockOperation operation, uint sectors)
        {
            int tag = _free.Pop();
            _outstanding[tag] = (_serial++, sectors);
            queue.Submit([new BlockRequest { Operation = operation, Tag = tag, SectorCount = sectors }]);
        }

        public int Run()
        {
            int count = queue.Poll(_completions);
            foreach (BlockCompletion completion in _completions.AsSpan(0, count))
            {
                Assert.Equal(BlockStatus.Ok, completion.Status);
                _free.Push(completion.Tag);
                (int serial, uint sectors) = _outstanding[completion.Tag];
                Started.Add((serial, sectors, clock.Now));
            }

            return count;
        }
    }
}

/// <summary>Without limits the layer passes everything on.</summary>
public sealed class UnlimitedRateLimitDeviceTests : BlockViewContract
{
    protected override BlockDevice CreateOver(BlockDevice below) => new RateLimitDevice(below, RateLimits.None);
}
