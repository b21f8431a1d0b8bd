using Makatea.BlockContract;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What the contract's tests do not reach of io_uring queues.</summary>
public sealed class IoUringQueueTests : EngineTheory
{
    private const int Length = 1 << 20;

    [SkippableFact]
    public void The_kernel_takes_the_best_mode_that_it_knows()
    {
        Bed.IoUring();
        Skip.IfNot(Environment.OSVersion.Version >= new Version(6, 1), "Linux 6.1 brought the best mode; run the tests on it or a later one");
        IoUringFactory.TryModes(4, IoUringFactory.Modes, out IoUringParams parameters).Dispose();
        uint best = IoUringAbi.SetupSingleIssuer | IoUringAbi.SetupDeferTaskRun | IoUringAbi.SetupTaskRunFlag;
        Assert.Equal(best, parameters.Flags & best);
    }

    [SkippableFact]
    public void A_queue_may_be_used_by_one_thread_after_another()
    {
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.OnDisk(Length), Bed.IoUring());
        using QueueDriver driver = Drive(device);
        byte[] data = TestDisk.Pattern(4096, 1);
        for (int i = 0; i < 3; i++)
        {
            OnThread(() => Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, (ulong)i * 8, 8, data)));
        }

        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 8, data));
    }

    [SkippableFact]
    public void A_thread_that_takes_over_a_queue_with_requests_outstanding_is_told_so()
    {
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.OnDisk(Length), Bed.IoUring());
        using QueueDriver driver = Drive(device);
        driver.Submit(driver.Prepare(0, BlockOperation.Flush, 0, 0));
        BlockRequest other = driver.Prepare(1, BlockOperation.Flush, 0, 0);
        OnThread(() =>
        {
            InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => driver.Queue.Submit([other]));
            Assert.Contains("1 requests", e.Message, StringComparison.Ordinal);
        });
        driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
    }

    /// <summary>Twice as many requests as the kernel's submission queue has places for.</summary>
    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void The_greatest_depth_can_be_filled(string engine, bool inMemory)
    {
        const int Depth = 65536;
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using BlockQueue queue = device.OpenQueue(Depth);
        using NativeArray<byte> memory = new(Depth * 512);
        using NativeArray<MemorySegment> segments = new(Depth);
        BlockRequest[] requests = new BlockRequest[Depth];
        for (int tag = 0; tag < Depth; tag++)
        {
            segments[tag] = memory.AsSegment(tag * 512, 512);
            requests[tag] = new BlockRequest { Tag = tag, Operation = BlockOperation.Read, Sector = (uint)tag % 2048, SectorCount = 1, Data = ScatterList.Of(segments, tag, 1) };
        }

        memory.AsSpan().Fill(0xEE);
        queue.Submit(requests);
        bool[] done = new bool[Depth];
        BlockCompletion[] completions = new BlockCompletion[1000];
        long giveUp = Environment.TickCount64 + 30_000;
        for (int left = Depth; left > 0;)
        {
            Assert.True(Environment.TickCount64 < giveUp);
            int count = queue.Poll(completions);
            left -= count;
            foreach (BlockCompletion completion in completions.AsSpan(0, count))
            {
                Assert.Equal(BlockStatus.Ok, completion.Status);
                Assert.False(done[completion.Tag]);
                done[completion.Tag] = true;
            }
        }

        Assert.False(memory.AsSpan().ContainsAnyExcept((byte)0));
    }

    /// <summary>preadv takes 1024 segments at once.</summary>
    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void A_scatter_list_longer_than_the_kernel_takes_is_done_in_legs(string engine, bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, 4 * Length);
        CheckLongList(file, Options(engine));
    }

    [SkippableTheory]
    [InlineData(nameof(FileEngine.Inline))]
    [InlineData(nameof(FileEngine.IoUring))]
    public void A_long_transfer_from_memory_that_is_not_aligned_goes_past_the_page_cache(string engine)
    {
        using SafeFileHandle file = TestDisk.OnDisk(4 * Length);
        using SafeFileHandle direct = TestDisk.Reopen(file, Libc.O_RDWR | Libc.O_DIRECT);
        CheckLongList(TestDisk.Duplicate(direct), Options(engine) with { Direct = true });
    }

    /// <summary>
    /// io_uring answers EAGAIN on a descriptor with O_NONBLOCK where it would have to wait (on Linux 6.18, for every request to a file in memory); whoever
    /// shares the descriptor may set that at any time.
    /// </summary>
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_descriptor_that_somebody_makes_non_blocking_works_on(bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        Assert.True(Libc.Fcntl(file, Libc.F_SETFL, Libc.O_NONBLOCK) >= 0);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Bed.IoUring());
        Assert.Equal(0, Libc.Fcntl(file, Libc.F_GETFL, 0) & Libc.O_NONBLOCK);

        using QueueDriver driver = Drive(device);
        Assert.True(Libc.Fcntl(file, Libc.F_SETFL, Libc.O_NONBLOCK) >= 0);
        byte[] data = TestDisk.Pattern(65536, 3);
        for (ulong sector = 0; sector < Length / 512; sector += 128)
        {
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, sector, 128, data));
        }

        Assert.Equal(data, TestDisk.Read(file, 65536, 65536));
    }

    [SkippableTheory]
    [InlineData(nameof(FileEngine.IoUring))]
    [InlineData(nameof(FileEngine.Threads))]
    public void Two_queues_ring_one_doorbell_which_stays_its_owners(string engine)
    {
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.OnDisk(Length), Options(engine));
        LinuxHost host = new();
        using Doorbell doorbell = host.CreateDoorbell();
        using DoorbellWaiter waiter = host.CreateWaiter();
        waiter.Add(doorbell, 0);
        BlockQueue[] queues = [device.OpenQueue(1, doorbell), device.OpenQueue(1, doorbell)];
        foreach (BlockQueue queue in queues)
        {
            Assert.Same(doorbell, queue.Completions);
            queue.Submit([new BlockRequest { Operation = BlockOperation.Flush }]);
            BlockCompletion[] completion = new BlockCompletion[1];
            while (queue.Poll(completion) == 0)
            {
                if (queue.Arm() != BlockQueue.Ready)
                {
                    Assert.Equal(1ul, waiter.Wait(TimeProvider.System.GetTimestamp() + (30 * TimeProvider.System.TimestampFrequency)));
                }
            }
        }

        Array.ForEach(queues, q => q.Dispose());
        _ = waiter.Wait(0);
        doorbell.Ring();
        Assert.Equal(1ul, waiter.Wait(TimeProvider.System.GetTimestamp() + (30 * TimeProvider.System.TimestampFrequency)));
    }

    /// <summary>Not a byte on any thread: the thread engine's own threads count too.</summary>
    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void No_thread_allocates(string engine, bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using BlockQueue queue = device.OpenQueue(32);
        using NativeArray<byte> memory = new(32 * 4096);
        using NativeArray<MemorySegment> segments = new(32);
        BlockRequest[] requests = new BlockRequest[32];
        for (int tag = 0; tag < 32; tag++)
        {
            segments[tag] = memory.AsSegment(tag * 4096, 4096);
            requests[tag] = new BlockRequest { Tag = tag, Operation = (BlockOperation)(tag % 2), Sector = (uint)tag * 8, SectorCount = 8, Data = ScatterList.Of(segments, tag, 1) };
        }

        BlockCompletion[] completions = new BlockCompletion[32];
        Run(100);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 200 && least > 2047; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            Run(64);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        // Other tests run beside this one, so it may take some attempts; a byte for each request would be 2048 of them.
        Assert.InRange(least, 0, 2047);

        void Run(int batches)
        {
            for (int i = 0; i < batches; i++)
            {
                queue.Submit(requests);
                for (int left = requests.Length; left > 0;)
                {
                    left -= queue.Poll(completions);
                }
            }
        }
    }

    private static void CheckLongList(SafeFileHandle file, FileBlockOptions options)
    {
        const int Count = 3000;
        const int Piece = 512;
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), options);
        using QueueDriver driver = Drive(device, 1);
        using NativeArray<byte> memory = new(Count * Piece);
        using NativeArray<MemorySegment> segments = new(Count + 1);
        byte[] pattern = TestDisk.Pattern(Count * Piece, 5);

        // In pieces of odd lengths, an empty one among them.
        segments[0] = memory.AsSegment(0, 0);
        segments[1] = memory.AsSegment(0, 7);
        for (int i = 1; i < Count - 1; i++)
        {
            segments[i + 1] = memory.AsSegment(7 + ((i - 1) * Piece), Piece);
        }

        segments[Count] = memory.AsSegment(7 + ((Count - 2) * Piece), (2 * Piece) - 7);
        pattern.CopyTo(memory.AsSpan());
        Assert.Equal(BlockStatus.Ok, Run(driver.Queue, BlockOperation.Write));
        Assert.Equal(pattern, TestDisk.Read(TestDisk.Reopen(file, Libc.O_RDONLY), 4096, pattern.Length));
        memory.AsSpan().Clear();
        Assert.Equal(BlockStatus.Ok, Run(driver.Queue, BlockOperation.Read));
        Assert.Equal(pattern, memory.AsSpan());

        BlockStatus Run(BlockQueue queue, BlockOperation operation)
        {
            queue.Submit([new BlockRequest { Operation = operation, Sector = 8, SectorCount = Count, Data = ScatterList.Of(segments, 0, Count + 1) }]);
            BlockCompletion[] completion = new BlockCompletion[1];
            long giveUp = Environment.TickCount64 + 30_000;
            while (queue.Poll(completion) == 0)
            {
                Assert.True(Environment.TickCount64 < giveUp);
            }

            return completion[0].Status;
        }
    }

    private static void OnThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(action));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
