using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class OverlayDeviceTests
{
    private const int BaseLength = (1 << 20) + (3 * 512);
    private const ulong DataSector = (1 << 20) / 512;
    private readonly FaultyDevice _base = new(Overlays.Pattern(BaseLength), 1);
    private readonly FaultyDevice _storage = new(new MemoryDevice((int)OverlayDevice.StorageLength(BaseLength)), 2);

    [Fact]
    public void A_write_of_a_whole_grain_is_one_write_below_and_reads_nothing()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.Write, 16, 8, Overlays.Filled(1, 8));
        driver.Execute(BlockOperation.Write, 16, 8, Overlays.Filled(2, 8));

        Assert.Empty(_base.Seen);
        Assert.Equal([(BlockOperation.Write, DataSector + 16, 8u), (BlockOperation.Write, DataSector + 16, 8u)], Seen(_storage));
        Assert.Equal(Overlays.Filled(2, 8), Disks.Read(device, 16, 8));
    }

    [Fact]
    public void The_first_write_to_a_part_of_a_grain_copies_the_grain_and_the_next_costs_itself()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.Write, 18, 1, Overlays.Filled(1, 1));
        Assert.Equal([(BlockOperation.Read, 16, 8u)], Seen(_base));
        Assert.Equal([(BlockOperation.Write, DataSector + 16, 8u)], Seen(_storage));

        driver.Execute(BlockOperation.Write, 19, 1, Overlays.Filled(2, 1));
        Assert.Single(_base.Seen);
        Assert.Equal((BlockOperation.Write, DataSector + 19, 1u), Seen(_storage)[1]);

        byte[] expected = [.. Enumerable.Range(16 * 512, 4096).Select(i => (i / 512) switch { 18 => (byte)1, 19 => (byte)2, int s => Overlays.Expected(s) })];
        Assert.Equal(expected, Disks.Read(device, 16, 8));
    }

    [Fact]
    public void A_write_of_odd_ends_copies_its_two_end_grains_alone()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.Write, 15, 26, Overlays.Filled(1, 26));
        Assert.Equal([8ul, 40ul], _base.Seen.Select(r => r.Sector).Order());
        Assert.Equal([DataSector + 8, DataSector + 16, DataSector + 40], _storage.Seen.Select(r => r.Sector).Order());
        Assert.Equal([.. Overlays.Filled(Overlays.Expected(14), 1), .. Overlays.Filled(1, 26), .. Overlays.Filled(Overlays.Expected(41), 1)], Disks.Read(device, 14, 28));
    }

    [Fact]
    public void The_last_grain_may_end_with_the_device()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        ulong last = device.Info.SectorCount - 3;
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, last, 3, Overlays.Filled(1, 3)));
        Assert.Empty(_base.Seen);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, last + 1, 1, Overlays.Filled(2, 1)));
        Assert.Equal([.. Overlays.Filled(1, 1), .. Overlays.Filled(2, 1), .. Overlays.Filled(1, 1)], Disks.Read(device, last, 3));
    }

    [Theory]
    [InlineData(BlockOperation.WriteZeroes)]
    [InlineData(BlockOperation.WriteZeroesUnmap)]
    [InlineData(BlockOperation.Discard)]
    public void What_was_zeroed_or_discarded_does_not_show_the_base_again(BlockOperation operation)
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.Write, 100, 8, Overlays.Filled(7, 8));
        Assert.Equal(BlockStatus.Ok, driver.Execute(operation, 0, (uint)device.Info.SectorCount));
        Assert.All(Disks.Read(device, 0, (int)device.Info.SectorCount), b => Assert.Equal(0, b));
    }

    [Fact]
    public void Zeroing_a_part_of_a_grain_keeps_the_rest_of_it()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.WriteZeroes, 17, 2);
        byte[] expected = [.. Enumerable.Range(16 * 512, 4096).Select(i => i / 512 is 17 or 18 ? (byte)0 : Overlays.Expected(i / 512))];
        Assert.Equal(expected, Disks.Read(device, 16, 8));
    }

    [Fact]
    public void Discarding_a_part_of_a_grain_does_nothing()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Discard, 17, 6));
        Assert.Empty(_base.Seen);
        Assert.Empty(_storage.Seen);
    }

    [Fact]
    public void Discarding_reaches_to_the_last_whole_grain()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Discard, 15, 14));
        Assert.Empty(_base.Seen);
        Assert.Equal([(BlockOperation.WriteZeroesUnmap, DataSector + 16, 8u)], Seen(_storage));
    }

    [Fact]
    public void Threads_that_write_to_halves_of_the_same_grains_lose_nothing()
    {
        const int Grains = 2048;
        for (int round = 0; round < 4; round++)
        {
            using var device = OverlayDevice.Open(
                new MemoryDevice(Grains * 4096), new MemoryDevice((int)OverlayDevice.StorageLength(Grains * 4096)), OverlayMode.Kept, NoHost.Instance);
            using var start = new Barrier(2);
            Thread[] threads = [.. Enumerable.Range(0, 2).Select(half => new Thread(() =>
            {
                using var driver = new QueueDriver(device, 1);
                BlockRequest request = Write(driver, 0, 0, 4, (byte)(half + 1));
                start.SignalAndWait();
                for (ulong grain = 0; grain < Grains; grain++)
                {
                    request.Sector = (grain * 8) + ((uint)half * 4);
                    driver.Submit(request);
                    while (driver.Outstanding != 0)
                    {
                        driver.Poll(new BlockCompletion[1]);
                    }
                }
            }))];
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
            byte[] contents = Disks.Read(device, 0, Grains * 8);
            Assert.Equal(-1, Enumerable.Range(0, contents.Length).FirstOrDefault(i => contents[i] != (i % 4096 < 2048 ? 1 : 2), -1));
        }
    }

    [Fact]
    public void Secure_erase_is_refused_as_the_base_is_not_the_overlays() =>
        Assert.Equal(BlockStatus.Unsupported, new QueueDriver(Open(), 4).Execute(BlockOperation.SecureErase, 16, 8));

    [Fact]
    public void Requests_in_more_parts_than_a_piece_holds_go_through_its_buffer()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.Write, 32, 8, Overlays.Filled(1, 8));

        // One byte a segment, over grains of base and overlay, from the middle of one to the middle of another.
        const int Length = 60 * 512;
        using var bytes = new NativeArray<byte>(Length);
        using var segments = new NativeArray<MemorySegment>(Length);
        for (int i = 0; i < Length; i++)
        {
            segments[i] = bytes.AsSegment(i, 1);
        }

        Assert.Equal(BlockStatus.Ok, Run(BlockOperation.Read));
        byte[] expected = [.. Enumerable.Range(20 * 512, Length).Select(i => i / 512 is >= 32 and < 40 ? (byte)1 : Overlays.Expected(i / 512))];
        Assert.Equal(expected, bytes.AsSpan().ToArray());

        new Random(1).NextBytes(bytes.AsSpan());
        Assert.Equal(BlockStatus.Ok, Run(BlockOperation.Write));
        Assert.Equal(bytes.AsSpan().ToArray(), Disks.Read(device, 20, 60));
        Assert.Equal(Overlays.Filled(Overlays.Expected(19), 1), Disks.Read(device, 19, 1));
        Assert.Equal(Overlays.Filled(Overlays.Expected(80), 1), Disks.Read(device, 80, 1));

        BlockStatus Run(BlockOperation operation)
        {
            BlockStatus status = BlockStatus.IoError;
            BlockRequest request = driver.Prepare(0, BlockOperation.Flush, 0, 0);
            request.Operation = operation;
            request.Sector = 20;
            request.SectorCount = 60;
            request.Data = ScatterList.Of(segments, 0, Length);
            driver.Submit(request);
            driver.Drain(c => status = c.Status);
            return status;
        }
    }

    [Fact]
    public void A_request_over_more_runs_than_there_are_pieces_is_done_as_pieces_get_free()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 32);
        var model = new DiskModel(driver, 2048);
        for (int grain = 0; grain < 256; grain += 2)
        {
            driver.Execute(BlockOperation.Write, (ulong)grain * 8, 8, Overlays.Filled((byte)grain, 8));
            model.Write(grain * 8, Overlays.Filled((byte)grain, 8));
        }

        driver.Submit([.. Enumerable.Range(0, 16).Select(i => driver.Prepare(i, BlockOperation.Read, (ulong)i * 128, 128))]);
        driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
        for (int i = 0; i < 16; i++)
        {
            model.Check(i * 128, driver.GetData(i));
        }
    }

    [Theory]
    [InlineData(17ul, 2u)]
    [InlineData(16ul, 8u)]
    public void A_write_to_a_grain_that_another_queue_copies_waits_for_it_and_neither_is_lost(ulong sector, uint count)
    {
        using OverlayDevice device = Open();
        using var one = new QueueDriver(device, 4);
        using var other = new QueueDriver(device, 4);
        bool hold = true;
        _base.Holds = _ => hold;

        one.Submit(Write(one, 0, 20, 1, 0xA1));
        other.Submit(Write(other, 0, sector, count, 0xB2));
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(0, one.Poll(new BlockCompletion[4]) + other.Poll(new BlockCompletion[4]));
        }

        Assert.InRange(other.Queue.Arm(), 1, TimeProvider.System.GetTimestamp() + TimeProvider.System.TimestampFrequency);
        Assert.Empty(_storage.Seen);
        hold = false;
        one.Drain();
        Assert.Equal(1, other.Outstanding);
        other.Drain();

        byte[] expected = [.. Enumerable.Range(16, 8).SelectMany(s => Overlays.Filled(
            (ulong)s >= sector && (ulong)s < sector + count ? (byte)0xB2 : s == 20 ? (byte)0xA1 : Overlays.Expected(s), 1))];
        Assert.Equal(expected, Disks.Read(device, 16, 8));
    }

    [Fact]
    public void A_failed_copy_unlocks_the_grain_and_leaves_the_base()
    {
        using OverlayDevice device = Open();
        using var driver = new QueueDriver(device, 4);
        _base.Fails = _ => true;
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 18, 1, Overlays.Filled(1, 1)));
        _base.Fails = _ => false;
        _storage.Fails = _ => true;
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 18, 1, Overlays.Filled(1, 1)));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 16, 8, Overlays.Filled(1, 8)));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.WriteZeroes, 16, 8));
        Assert.Equal(Overlays.Filled(Overlays.Expected(18), 1), Disks.Read(device, 18, 1));

        _storage.Fails = _ => false;
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 18, 1, Overlays.Filled(1, 1)));
        Assert.Equal(Overlays.Filled(1, 1), Disks.Read(device, 18, 1));
    }

    [Fact]
    public void First_writes_allocate_nothing_either()
    {
        using var device = OverlayDevice.Open(
            new MemoryDevice(16 << 20), new MemoryDevice((int)OverlayDevice.StorageLength(16 << 20)), OverlayMode.Kept, NoHost.Instance);
        using var driver = new QueueDriver(device, 8);
        BlockRequest whole = driver.Prepare(0, BlockOperation.Write, 0, 8);
        BlockRequest part = driver.Prepare(1, BlockOperation.Write, 0, 5);
        BlockRequest mixed = driver.Prepare(2, BlockOperation.Read, 0, 40);
        BlockRequest flush = driver.Prepare(3, BlockOperation.Flush, 0, 0);
        long least = long.MaxValue;
        for (ulong round = 0; round < 10 && least != 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (ulong i = round * 60; i < (round + 1) * 60; i++)
            {
                whole.Sector = i * 48;
                part.Sector = (i * 48) + 19;
                mixed.Sector = i * 48;
                RunAll(driver.Queue, [whole, part]);
                RunAll(driver.Queue, [mixed, flush]);
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);

        static void RunAll(BlockQueue queue, ReadOnlySpan<BlockRequest> requests)
        {
            queue.Submit(requests);
            Span<BlockCompletion> completions = stackalloc BlockCompletion[4];
            for (int left = requests.Length; left > 0;)
            {
                left -= queue.Poll(completions);
            }
        }
    }

    private static (BlockOperation Operation, ulong Sector, uint Count)[] Seen(FaultyDevice device) => [.. device.Seen.Select(r => (r.Operation, r.Sector, r.SectorCount))];

    private static BlockRequest Write(QueueDriver driver, int tag, ulong sector, uint count, byte value)
    {
        BlockRequest request = driver.Prepare(tag, BlockOperation.Write, sector, count);
        driver.SetData(tag, Overlays.Filled(value, (int)count));
        return request;
    }

    private OverlayDevice Open()
    {
        var device = OverlayDevice.Open(_base, _storage, OverlayMode.Volatile, NoHost.Instance);
        _base.Seen.Clear();
        _storage.Seen.Clear();
        return device;
    }
}
