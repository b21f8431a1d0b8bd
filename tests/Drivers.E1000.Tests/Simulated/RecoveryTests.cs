using Makatea.Platform;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>Controllers that stand still, lose their link or are pulled out: every tag comes back exactly once.</summary>
public sealed class RecoveryTests
{
    private static readonly NetQueueOptions small = new() { TransmitDepth = 16, ReceiveDepth = 15 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AStuckTransmitterIsReset(bool is82574)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetBuffer[] buffers = bed.Buffers(10);
        queue.Supply(buffers);
        bed.Adapter.Receive(Bed.Pattern(64));
        Assert.Single(bed.Receive(queue));
        bed.Adapter.IsStuck = true;
        Assert.Equal(8, queue.Transmit([.. Enumerable.Range(0, 8).Select(i => bed.Frame(i, Bed.Pattern(100)))]));
        bed.Port.Watch();
        Assert.Equal(1, bed.Adapter.Resets);
        bed.Port.Watch();
        Assert.Equal(2, bed.Adapter.Resets);
        Assert.Equal(Enumerable.Range(0, 8), bed.Reclaim(queue));
        bed.Adapter.IsStuck = false;
        NetStatistics statistics = bed.Port.ReadStatistics();
        Assert.Equal((1UL, 8UL, 0UL), (statistics.Resets, statistics.TransmitErrors, statistics.TransmittedFrames));

        // Both directions go on, with the buffers that were there.
        Assert.Equal(1, queue.Transmit([bed.Frame(3, Bed.Pattern(77))]));
        Assert.Equal(77, Assert.Single(bed.Adapter.Sent).Bytes.Length);
        Assert.Equal([3], bed.Reclaim(queue));
        for (int i = 1; i < 10; i++)
        {
            byte[] frame = Bed.Pattern(100, i);
            Assert.True(bed.Adapter.Receive(frame));
            NetReceived received = Assert.Single(bed.Receive(queue));
            Assert.Equal((i, 100), (received.Tag, received.Length));
            Assert.Equal(frame, buffers[i].Memory.Slice(0, 100).AsSpan().ToArray());
        }

        Assert.False(bed.Adapter.Receive(Bed.Pattern(64)));
        Assert.Equal(0, bed.Dma.Faults);
    }

    [Fact]
    public void AQueueThatItsUserDoesNotLookAtIsNotStuck()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Transmit([bed.Frame(0, Bed.Pattern(100))]);
        bed.Port.Watch();
        bed.Port.Watch();
        bed.Port.Watch();
        Assert.Equal(1, bed.Adapter.Resets);
    }

    [Fact]
    public void ATransmitterThatAPauseFrameHoldsIsNotStuck()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        bed.Adapter.IsStuck = true;
        bed.Adapter[8] |= 0x10;
        queue.Transmit([bed.Frame(0, Bed.Pattern(100))]);
        bed.Port.Watch();
        bed.Port.Watch();
        bed.Port.Watch();
        Assert.Equal(1, bed.Adapter.Resets);
    }

    [Fact]
    public void AReceiverThatLosesFramesWithRoomForThemIsReset()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Supply(bed.Buffers(10));
        bed.Port.Watch();
        bed.Port.Watch();
        Assert.Equal(1, bed.Adapter.Resets);
        bed.Adapter[0x4010] = 5;
        bed.Port.Watch();
        Assert.Equal(2, bed.Adapter.Resets);
        Assert.Equal(5UL, bed.Port.ReadStatistics().ReceiveMissed);
        Assert.True(bed.Adapter.Receive(Bed.Pattern(64)));
        Assert.Equal(0, Assert.Single(bed.Receive(queue)).Tag);
    }

    [Fact]
    public void AReceiverWithoutRoomIsNotStuck()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        for (int i = 0; i < 4; i++)
        {
            bed.Adapter[0x4010] = 5;
            bed.Port.Watch();
        }

        Assert.Equal(1, bed.Adapter.Resets);
        Assert.Equal(20UL, bed.Port.ReadStatistics().ReceiveMissed);
    }

    [Fact]
    public void AFrameThatAResetCutsInTwoIsEndedAsDiscarded()
    {
        using var bed = new Bed(true, options: new() { Mtu = 9000 });
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Supply(bed.Buffers(10));
        bed.Adapter.Complete(0, bed.Adapter.Compose(2048, 1));
        Assert.True(Assert.Single(bed.Receive(queue)).IsContinued);
        bed.Adapter.IsStuck = true;
        queue.Transmit([bed.Frame(0, Bed.Pattern(100))]);
        bed.Port.Watch();
        bed.Port.Watch();
        bed.Adapter.Receive(Bed.Pattern(64));
        bed.Adapter.Receive(Bed.Pattern(65));
        NetReceived[] received = bed.Receive(queue);
        Assert.Equal([NetFrameFlags.Discarded, NetFrameFlags.None], received.Select(r => r.Offload.Flags));
        Assert.Equal([1, 2], received.Select(r => r.Tag));
    }

    [Fact]
    public void WithoutALinkFramesAreDroppedAndThoseInTheRingAreGivenBack()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        int changes = 0;
        bed.Port.InfoChanged += () => changes++;
        bed.Adapter.IsStuck = true;
        queue.Transmit([bed.Frame(0, Bed.Pattern(100))]);
        bed.Adapter.HasLink = false;
        bed.Port.Watch();
        Assert.Equal((false, 0, 1), (bed.Port.Info.IsLinkUp, bed.Port.Info.LinkSpeed, changes));
        Assert.Equal(2, queue.Transmit([bed.Frame(1, Bed.Pattern(100)), bed.Frame(2, Bed.Pattern(100))]));
        Assert.Empty(bed.Reclaim(queue));
        bed.Port.Watch();
        Assert.Equal([0, 1, 2], bed.Reclaim(queue));
        Assert.Equal((3UL, 0UL), (bed.Port.ReadStatistics().TransmitErrors, bed.Port.ReadStatistics().Resets));
        bed.Adapter.IsStuck = false;
        bed.Adapter.HasLink = true;
        bed.Port.Watch();
        Assert.Equal((true, 1000, 2), (bed.Port.Info.IsLinkUp, bed.Port.Info.LinkSpeed, changes));
        queue.Transmit([bed.Frame(1, Bed.Pattern(100))]);
        Assert.Equal([1], bed.Reclaim(queue));
        Assert.Single(bed.Adapter.Sent);
    }

    [Theory]
    [InlineData(PciInterruptKind.MsiX, 2)]
    [InlineData(PciInterruptKind.Pin, 1)]
    public void AnInterruptForTheLinkIsFollowedAtOnce(PciInterruptKind kind, int most)
    {
        using var bed = new Bed(true, kind, most);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        using var changed = new SemaphoreSlim(0);
        bed.Port.InfoChanged += () => changed.Release();
        queue.Arm();
        bed.Adapter.HasLink = false;
        queue.Arm();
        Assert.True(changed.Wait(TimeSpan.FromSeconds(10)));
        Assert.False(bed.Port.Info.IsLinkUp);
        Assert.Equal(0U, bed.Adapter[0xc0] & 4);
    }

    [Theory]
    [InlineData(uint.MaxValue)]
    [InlineData(0u)]
    public void AControllerThatIsPulledOutEndsThePort(uint value)
    {
        using var bed = new Bed(true);
        NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Supply(bed.Buffers(10));
        bed.Adapter.Receive(Bed.Pattern(64));
        bed.Adapter.IsStuck = true;
        queue.Transmit([bed.Frame(0, Bed.Pattern(100)), bed.Frame(1, Bed.Pattern(100))]);
        int rings = bed.Function.Vectors[0].Rings;
        bed.Adapter.Missing = value;
        bed.Port.Watch();
        Assert.Equal((true, false), (bed.Port.Info.IsGone, bed.Port.Info.IsLinkUp));
        Assert.True(bed.Function.Vectors[0].Rings > rings);
        Assert.Equal(2, queue.Transmit([bed.Frame(2, Bed.Pattern(100)), bed.Frame(3, Bed.Pattern(100))]));
        Assert.Equal(BlockQueue.Ready, queue.Arm());
        Assert.Equal([0, 1, 2, 3], bed.Reclaim(queue));
        Assert.Equal(64, Assert.Single(bed.Receive(queue)).Length);
        Assert.Equal(DoorbellWaiter.Forever, queue.Arm());
        Assert.Equal(0, queue.Supply(bed.Buffers(1)));
        Assert.Equal(4UL, bed.Port.ReadStatistics().TransmitErrors);
        Assert.Throws<E1000Exception>(() => bed.Port.OpenQueue(1, small));
        queue.Dispose();
    }

    [Fact]
    public void AControllerThatDoesNotComeBackFromAResetIsGivenUp()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        bed.Adapter.IsStuck = true;
        queue.Transmit([bed.Frame(5, Bed.Pattern(100))]);
        bed.Port.Watch();
        bed.Adapter.StaysInReset = true;
        bed.Port.Watch();
        Assert.True(bed.Port.Info.IsGone);
        Assert.Equal([5], bed.Reclaim(queue));
    }

    /// <summary>Two threads at work on their queues while a third resets the adapter over and over: no tag is lost or doubled, and what is sent is whole.</summary>
    [Fact]
    public async Task ResetsWhileQueuesAreAtWorkLoseNoTag()
    {
        using var bed = new Bed(true);
        bool isOver = false;
        Task[] workers = [.. Enumerable.Range(0, 2).Select(index =>
        {
            NetQueue queue = bed.Port.OpenQueue(index, small);
            NetFrame[] frames = [.. Enumerable.Range(0, 16).Select(tag => bed.Frame(tag, Bed.Pattern(60 + tag, tag)))];
            return Task.Run(() => Work(queue, frames));
        })];
        for (long until = Environment.TickCount64 + 30_000; bed.Port.ReadStatistics().Resets < 10 && Environment.TickCount64 < until;)
        {
            // A busy machine may not let the workers transmit in the meantime: then nothing hangs and nothing is reset.
            bed.Adapter.IsStuck = true;
            Thread.Sleep(2);
            bed.Port.Watch();
            bed.Port.Watch();
            bed.Adapter.IsStuck = false;
            Thread.Sleep(2);
        }

        Volatile.Write(ref isOver, true);
        await Task.WhenAll(workers).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(bed.Port.ReadStatistics().Resets >= 10);
        Assert.All(bed.Adapter.Sent, f => Assert.Equal(Bed.Pattern(f.Bytes.Length, f.Bytes.Length - 60), f.Bytes));

        void Work(NetQueue queue, NetFrame[] frames)
        {
            bool[] isAway = new bool[16];
            int away = 0;
            int next = 0;
            int[] tags = new int[5];
            long until = long.MaxValue;
            while (away > 0 || !Volatile.Read(ref isOver))
            {
                if (!Volatile.Read(ref isOver) && !isAway[next] && queue.Transmit(frames.AsSpan(next, 1)) == 1)
                {
                    isAway[next] = true;
                    away++;
                    next = (next + 1) % 16;
                }

                int count = queue.Reclaim(tags);
                foreach (int tag in tags.AsSpan(0, count))
                {
                    Assert.True(isAway[tag]);
                    isAway[tag] = false;
                    away--;
                }

                if (Volatile.Read(ref isOver) && until == long.MaxValue)
                {
                    until = Environment.TickCount64 + 20_000;
                    bed.Adapter.Write(0x3818, 4, bed.Adapter[0x3818]);
                    bed.Adapter.Write(0x3918, 4, bed.Adapter[0x3918]);
                }

                Assert.True(Environment.TickCount64 < until, $"{away} tags are away still");
            }
        }
    }
}
