using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Drivers.E1000.Tests;

public sealed class TransmitTests
{
    private static readonly NetQueueOptions small = new() { TransmitDepth = 64, ReceiveDepth = 15 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FramesLeaveInOrderWithOneTailWriteABatch(bool is82574)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        byte[][] sent = [.. Enumerable.Range(0, 40).Select(i => Bed.Pattern(60 + i, i))];
        NetFrame[] frames = [.. sent.Select((bytes, i) => bed.Frame(i, bytes))];
        bed.Adapter.Writes.Clear();
        Assert.Equal(40, queue.Transmit(frames));
        Assert.Single(bed.Adapter.Writes);
        Assert.Equal((0x3818UL, 40U), bed.Adapter.Writes[0]);
        Assert.Equal(sent, bed.Adapter.Sent.Select(f => f.Bytes));
        Assert.All(bed.Adapter.Sent, f => Assert.Single(f.Pieces));

        // One report for 32 frames and one for the rest.
        Assert.Equal(2, bed.Adapter.Sent.Count(f => (f.Descriptors[0].Second & TransmitDescriptor.ReportStatus) != 0));
        Assert.Equal(Enumerable.Range(0, 40), bed.Reclaim(queue));
        Assert.Empty(bed.Reclaim(queue));
        NetStatistics statistics = bed.Port.ReadStatistics();
        Assert.Equal(40UL, statistics.TransmittedFrames);
        Assert.Equal((ulong)sent.Sum(b => b.Length), statistics.TransmittedBytes);
        Assert.Equal(0UL, statistics.CopiedFrames);
        Assert.Equal(0, bed.Dma.Faults);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheRingWrapsManyTimes(bool is82574)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetFrame[] frames = [.. Enumerable.Range(0, 23).Select(i => bed.Frame(i, Bed.Pattern(64, i)))];
        for (int round = 0; round < 500; round++)
        {
            Assert.Equal(23, queue.Transmit(frames));
            Assert.Equal(Enumerable.Range(0, 23), bed.Reclaim(queue));
        }

        Assert.Equal(23 * 500, bed.Adapter.Sent.Count);
        Assert.Equal(Bed.Pattern(64, 22), bed.Adapter.Sent[^1].Bytes);
    }

    [Fact]
    public void NoMoreThanTheDepthIsTakenUntilTagsAreGivenBack()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        bed.Adapter.IsStuck = true;
        NetFrame[] frames = [.. Enumerable.Range(0, 100).Select(i => bed.Frame(i, Bed.Pattern(64, i)))];
        Assert.Equal(64, queue.Transmit(frames));
        Assert.Equal(0, queue.Transmit(frames));
        Assert.Empty(bed.Reclaim(queue));
        bed.Adapter.IsStuck = false;
        bed.Adapter.Write(0x3818, 4, bed.Adapter[0x3818]);
        int[] one = new int[10];
        Assert.Equal(10, queue.Reclaim(one));
        Assert.Equal(10, queue.Transmit(frames.AsSpan(0, 20)));
    }

    [Theory]
    [InlineData(false, 4096)]
    [InlineData(true, 8192)]
    public void PiecesAreCutToWhatADescriptorHolds(bool is82574, int most)
    {
        using var bed = new Bed(is82574, options: new() { Mtu = 9000 });
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        byte[] bytes = Bed.Pattern(9014);
        Assert.Equal(1, queue.Transmit([bed.Frame(7, bytes, 14, 9000)]));
        SentFrame sent = Assert.Single(bed.Adapter.Sent);
        Assert.Equal(bytes, sent.Bytes);
        Assert.All(sent.Pieces, p => Assert.InRange(p.Length, 1, most));
        Assert.Equal([7], bed.Reclaim(queue));
    }

    [Fact]
    public void MemoryElsewhereIsCopiedAndCounted()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        byte[] bytes = Bed.Pattern(300);
        bytes.CopyTo(bed.Elsewhere.Slice(5, 300).AsSpan());
        Assert.Equal(1, queue.Transmit([bed.FrameOf(1, bed.Elsewhere.Slice(5, 300))]));
        Assert.Equal(bytes, bed.Adapter.Sent[0].Bytes);

        // A piece here and a piece there: only the one is copied.
        MemorySegment near = bed.Take(20);
        bytes.AsSpan(0, 20).CopyTo(near.AsSpan());
        Assert.Equal(1, queue.Transmit([bed.FrameOf(2, near, bed.Elsewhere.Slice(25, 280))]));
        Assert.Equal(bytes, bed.Adapter.Sent[1].Bytes);
        Assert.Equal(2UL, bed.Port.ReadStatistics().CopiedFrames);
        Assert.Equal(0, bed.Dma.Faults);
    }

    [Fact]
    public void CopiesOfEveryLengthFitOverAndOver()
    {
        using var bed = new Bed(false, options: new() { Mtu = 16000 });
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        var random = new Random(3);
        for (int round = 0; round < 400; round++)
        {
            int length = random.Next(60, 16014);
            bed.Adapter.Sent.Clear();
            byte[] bytes = Bed.Pattern(length, round);
            bytes.CopyTo(bed.Elsewhere.Slice(1, length).AsSpan());
            NetFrame[] frames = [.. Enumerable.Repeat(bed.FrameOf(0, bed.Elsewhere.Slice(1, length)), 7)];
            Assert.Equal(7, queue.Transmit(frames));
            Assert.Equal(7, bed.Reclaim(queue).Length);
            Assert.All(bed.Adapter.Sent, f => Assert.Equal(bytes, f.Bytes));
            if (round % 100 == 99)
            {
                break;
            }
        }
    }

    [Fact]
    public void WhenTheCopiesAreFullTheFrameIsNotTakenAndNothingOfItIsSent()
    {
        using var bed = new Bed(false, options: new() { Mtu = 16000 });
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        bed.Adapter.IsStuck = true;
        NetFrame frame = bed.FrameOf(0, bed.Elsewhere.Slice(0, 16000));
        NetFrame[] frames = [.. Enumerable.Repeat(frame, 30)];
        int taken = queue.Transmit(frames);
        Assert.Equal(CopyArena.Length / 16000, taken);
        Assert.Equal(0, queue.Transmit(frames));
        bed.Adapter.IsStuck = false;
        bed.Adapter.Write(0x3818, 4, bed.Adapter[0x3818]);
        Assert.Equal(taken, bed.Reclaim(queue).Length);
        Assert.Equal(taken, bed.Adapter.Sent.Count);
        Assert.Equal(taken, queue.Transmit(frames.AsSpan(0, taken)));
        Assert.Equal(2 * taken, bed.Adapter.Sent.Count);
        Assert.All(bed.Adapter.Sent, f => Assert.Equal(16000, f.Bytes.Length));
    }

    [Fact]
    public void FramesShorterThanTheControllerPadsArePadded()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        byte[] bytes = Bed.Pattern(14);
        Assert.Equal(1, queue.Transmit([bed.Frame(0, bytes)]));
        Assert.Equal([.. bytes, .. new byte[46]], bed.Adapter.Sent[0].Bytes);
    }

    [Fact]
    public void WhatCannotBeSentIsDroppedAndCountedAndItsTagComesBackInOrder()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetFrame good = bed.Frame(0, Bed.Pattern(64));
        NetFrame tooLong = bed.Frame(1, Bed.Pattern(1519));
        NetFrame tooShort = bed.Frame(2, Bed.Pattern(13));
        NetFrame lies = bed.Frame(3, Bed.Pattern(64));
        lies.Length = 65;
        NetFrame empty = new() { Tag = 4 };
        NetFrame farChecksum = bed.Frame(5, Bed.Pattern(400));
        farChecksum.Offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 250, ChecksumOffset = 6 };
        NetFrame unknown = bed.Frame(6, Bed.Pattern(64));
        unknown.Offload.Flags = NetFrameFlags.Discarded;
        NetFrame manyPieces = bed.Frame(7, Bed.Pattern(66), [.. Enumerable.Repeat(2, 33)]);
        NetFrame noHeader = bed.Frame(8, Bed.Pattern(2000));
        noHeader.Offload = new() { Flags = NetFrameFlags.SegmentTcp4, HeaderLength = 54, SegmentSize = 1000, ChecksumStart = 34, ChecksumOffset = 16 };
        NetFrame last = bed.Frame(9, Bed.Pattern(70));
        Assert.Equal(10, queue.Transmit([good, tooLong, tooShort, lies, empty, farChecksum, unknown, manyPieces, noHeader, last]));
        Assert.Equal(2, bed.Adapter.Sent.Count);
        Assert.Equal(70, bed.Adapter.Sent[1].Bytes.Length);
        Assert.Equal(Enumerable.Range(0, 10), bed.Reclaim(queue));
        Assert.Equal(8UL, bed.Port.ReadStatistics().TransmitErrors);

        // A batch of nothing but such frames needs no report of the controller.
        bed.Adapter.IsStuck = true;
        Assert.Equal(2, queue.Transmit([tooLong, tooShort]));
        Assert.Equal(BlockQueue.Ready, queue.Arm());
        Assert.Equal([1, 2], bed.Reclaim(queue));
    }

    [Fact]
    public void TheFrameAfterASegmentedOneHasItsLastBytesApartOnThe82540()
    {
        foreach (bool is82574 in (bool[])[false, true])
        {
            using var bed = new Bed(is82574);
            using NetQueue queue = bed.Port.OpenQueue(0, small);
            Assert.Equal(3, queue.Transmit([SegmentationTests.Frame(bed, 0, 3000), bed.Frame(1, Bed.Pattern(100)), bed.Frame(2, Bed.Pattern(101))]));
            Assert.Equal(is82574 ? [100] : [96, 4], bed.Adapter.Sent[1].Pieces.Select(p => p.Length));
            Assert.Equal(Bed.Pattern(100), bed.Adapter.Sent[1].Bytes);
            Assert.Equal([101], bed.Adapter.Sent[2].Pieces.Select(p => p.Length));
        }
    }

    [Fact]
    public void NothingIsAllocated()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        bed.Adapter.IsStuck = true;
        bed.Adapter.Writes.EnsureCapacity(100_000);
        NetFrame[] frames = [.. Enumerable.Range(0, 4).Select(i => bed.Frame(i, Bed.Pattern(64, i), i == 3 ? [30, 34] : [64]))];
        NetFrame[] drops = [.. Enumerable.Repeat(bed.Frame(0, Bed.Pattern(1600)), 4)];
        int[] tags = new int[64];
        long before = 0;
        int taken = 0;
        for (int round = 0; round < 3; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            taken += queue.Transmit(frames);
            taken += queue.Transmit(drops);
            queue.Reclaim(tags);
            queue.Arm();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(24, taken);
    }
}
