using Makatea.Platform;

namespace Makatea.Drivers.E1000.Tests;

public sealed class ReceiveTests
{
    private const uint Good = 0x60;
    private const uint TransportError = 1u << 29;
    private const uint IpError = 1u << 30;
    private static readonly NetQueueOptions small = new() { TransmitDepth = 16, ReceiveDepth = 15 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FramesArriveInOrderOverManyWraps(bool is82574)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetBuffer[] buffers = bed.Buffers(15);
        bed.Adapter.Writes.Clear();
        Assert.Equal(15, queue.Supply(buffers));
        Assert.Equal([(0x2818UL, 15U)], bed.Adapter.Writes);
        Assert.Equal(0, queue.Supply(bed.Buffers(1)));
        for (int round = 0; round < 400; round++)
        {
            byte[] frame = Bed.Pattern(60 + (round % 1459), round);
            Assert.True(bed.Adapter.Receive(frame));
            NetReceived received = Assert.Single(bed.Receive(queue));
            Assert.Equal((round % 15, frame.Length, false), (received.Tag, received.Length, received.IsContinued));
            Assert.Equal(frame, buffers[received.Tag].Memory.Slice(0, frame.Length).AsSpan().ToArray());
            Assert.Equal(1, queue.Supply([buffers[received.Tag]]));
        }

        Assert.Equal(400UL, bed.Port.ReadStatistics().ReceivedFrames);
        Assert.Equal(0UL, bed.Port.ReadStatistics().CopiedFrames);
        Assert.Equal(0, bed.Dma.Faults);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LongFramesComeInParts(bool is82574)
    {
        using var bed = new Bed(is82574, options: new() { Mtu = 9000 });
        using NetQueue queue = bed.Port.OpenQueue(0, small with { ReceiveBufferLength = 3000 });
        NetBuffer[] buffers = bed.Buffers(15, 3000);
        queue.Supply(buffers);
        byte[] frame = Bed.Pattern(9014);
        Assert.True(bed.Adapter.Receive(frame, status: Good));
        NetReceived[] parts = bed.Receive(queue);
        Assert.Equal([2048, 2048, 2048, 2048, 822], parts.Select(p => p.Length));
        Assert.Equal([true, true, true, true, false], parts.Select(p => p.IsContinued));
        Assert.Equal(NetFrameFlags.ChecksumGood, parts[4].Offload.Flags);
        Assert.Equal(frame, parts.SelectMany(p => buffers[p.Tag].Memory.Slice(0, p.Length).AsSpan().ToArray()));
        Assert.Equal((1UL, 9014UL), (bed.Port.ReadStatistics().ReceivedFrames, bed.Port.ReadStatistics().ReceivedBytes));
    }

    [Theory]
    [InlineData(0u, NetFrameFlags.None)]
    [InlineData(Good, NetFrameFlags.ChecksumGood)]
    [InlineData(0x40u, NetFrameFlags.None)]
    [InlineData(Good | 4, NetFrameFlags.None)]
    [InlineData(Good | TransportError, NetFrameFlags.ChecksumBad)]
    [InlineData(Good | IpError, NetFrameFlags.ChecksumBad)]
    [InlineData(0x40u | IpError, NetFrameFlags.ChecksumBad)]
    [InlineData(8u, NetFrameFlags.HasVlanTag)]
    [InlineData(1u << 24, NetFrameFlags.Discarded)]
    [InlineData(1u << 31, NetFrameFlags.Discarded)]
    public void StatusIsTold(uint status, NetFrameFlags flags)
    {
        foreach (bool is82574 in (bool[])[false, true])
        {
            using var bed = new Bed(is82574);
            using NetQueue queue = bed.Port.OpenQueue(0, small);
            queue.Supply(bed.Buffers(2));
            bed.Adapter.Receive(Bed.Pattern(64), status: status, vlan: 0xabcd);
            NetReceived received = Assert.Single(bed.Receive(queue));
            Assert.Equal(flags, received.Offload.Flags);
            Assert.Equal(flags == NetFrameFlags.HasVlanTag ? 0xabcd : 0, received.Offload.VlanTag);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ALengthBeyondTheBufferIsNotBelieved(bool is82574)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Supply(bed.Buffers(15));
        bed.Adapter.Complete(0, bed.Adapter.Compose(2049, 3));
        bed.Adapter.Complete(0, bed.Adapter.Compose(65535, 3));
        bed.Adapter.Complete(0, bed.Adapter.Compose(2048, 3));
        NetReceived[] received = bed.Receive(queue);
        Assert.Equal([0, 0, 2048], received.Select(r => r.Length));
        Assert.Equal([NetFrameFlags.Discarded, NetFrameFlags.Discarded, NetFrameFlags.None], received.Select(r => r.Offload.Flags));
        Assert.Equal(2UL, bed.Port.ReadStatistics().ReceiveErrors);
    }

    [Fact]
    public void AFrameThatNeverEndsIsEndedAndItsRestThrownAway()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small with { ReceiveBufferLength = 256 });
        queue.Supply(bed.Buffers(15, 256));
        for (int i = 0; i < 9; i++)
        {
            bed.Adapter.Complete(0, bed.Adapter.Compose(256, 1));
        }

        bed.Adapter.Complete(0, bed.Adapter.Compose(100, 3));
        bed.Adapter.Receive(Bed.Pattern(64));
        NetReceived[] received = bed.Receive(queue);
        Assert.Equal(Enumerable.Range(0, 11), received.Select(r => r.Tag));

        // 1518 bytes are at most 6 parts of 256.
        Assert.Equal([.. Enumerable.Repeat(true, 5), .. Enumerable.Repeat(false, 6)], received.Select(r => r.IsContinued));
        Assert.All(received[5..10], r => Assert.Equal(NetFrameFlags.Discarded, r.Offload.Flags));
        Assert.Equal((64, NetFrameFlags.None), (received[10].Length, received[10].Offload.Flags));
        Assert.Equal(1UL, bed.Port.ReadStatistics().ReceivedFrames);
        Assert.Equal(1UL, bed.Port.ReadStatistics().ReceiveErrors);
    }

    [Fact]
    public void GarbageInTheRingLeadsNowhere()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetBuffer[] buffers = bed.Buffers(15);
        var random = new Random(17);
        var tags = new Queue<int>();
        queue.Supply(buffers);
        foreach (NetBuffer buffer in buffers)
        {
            tags.Enqueue(buffer.Tag);
        }

        for (int i = 0; i < 20_000; i++)
        {
            bed.Adapter.Complete(0, (ulong)random.NextInt64(long.MinValue, long.MaxValue) | 1);
            NetReceived received = Assert.Single(bed.Receive(queue));
            Assert.Equal(tags.Dequeue(), received.Tag);
            Assert.InRange(received.Length, 0, 2048);
            queue.Supply([buffers[received.Tag]]);
            tags.Enqueue(received.Tag);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BuffersElsewhereAreCopiedTo(bool is82574)
    {
        using var bed = new Bed(is82574, options: new() { Mtu = 3000 });
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        MemorySegment far = bed.Elsewhere.Slice(100, 2048);
        MemorySegment near = bed.Take(2048);
        queue.Supply([new(far, 0), new(near, 1), new(bed.Elsewhere.Slice(5000, 2048), 2)]);
        byte[] frame = Bed.Pattern(3000);
        bed.Adapter.Receive(frame);
        bed.Adapter.Receive(Bed.Pattern(64));
        Assert.Equal([2048, 952, 64], bed.Receive(queue).Select(r => r.Length));
        Assert.Equal(frame[..2048], far.AsSpan().ToArray());
        Assert.Equal(frame[2048..], near.AsSpan()[..952].ToArray());
        Assert.Equal(Bed.Pattern(64), bed.Elsewhere.Slice(5000, 64).AsSpan().ToArray());
        Assert.Equal(0, bed.Dma.Faults);
        Assert.Equal(2UL, bed.Port.ReadStatistics().CopiedFrames);
    }

    [Fact]
    public void ABufferThatIsTooShortIsTheCallersFault()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetBuffer[] buffers = [bed.Buffers(1)[0], new(bed.Take(100), 1)];
        Assert.Equal(1, queue.Supply(buffers));
        Assert.Throws<ArgumentException>(() => queue.Supply(buffers.AsSpan(1)));
        bed.Adapter.Receive(Bed.Pattern(64));
        Assert.Single(bed.Receive(queue));
    }

    [Fact]
    public void FramesWithoutBuffersAreCountedAsMissed()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Supply(bed.Buffers(2));
        Assert.Equal([true, true, false, false], Enumerable.Range(0, 4).Select(_ => bed.Adapter.Receive(Bed.Pattern(64))));
        Assert.Equal(2, bed.Receive(queue).Length);
        Assert.Equal(2UL, bed.Port.ReadStatistics().ReceiveMissed);
        Assert.Equal(2UL, bed.Port.ReadStatistics().ReceiveMissed);
        bed.Adapter.Receive(Bed.Pattern(64));
        Assert.Equal(3UL, bed.Port.ReadStatistics().ReceiveMissed);
    }
}
