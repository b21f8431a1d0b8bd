using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>What the controller is told of checksums and segments ([8254x-SDM] 3.3.6 and 3.5).</summary>
public sealed class SegmentationTests
{
    private static readonly NetQueueOptions small = new() { TransmitDepth = 64, ReceiveDepth = 15 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AChecksumIsSaidInAContext(bool is82574)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetFrame frame = bed.Frame(0, Bed.Pattern(100));
        frame.Offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 16 };
        NetFrame udp = bed.Frame(1, Bed.Pattern(100));
        udp.Offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 };
        Assert.Equal(3, queue.Transmit([frame, frame, udp]));

        // TUCSS 39:32, TUCSO 47:40; DEXT, and TUCMD.TCP for TCP.
        SentFrame first = bed.Adapter.Sent[0];
        Assert.Equal((34UL << 32) | (50UL << 40), first.Descriptors[0].First);
        Assert.Equal((1UL << 29) | (1UL << 24), first.Descriptors[0].Second);
        Assert.Equal(1UL << 41, first.Descriptors[1].Second & (0xffUL << 40));

        // The 82540EM keeps the context; the 82574L has one for both queues.
        Assert.Equal(is82574 ? 2 : 1, bed.Adapter.Sent[1].Descriptors.Count);
        Assert.Equal((34UL << 32) | (40UL << 40), bed.Adapter.Sent[2].Descriptors[0].First);
        Assert.Equal(1UL << 29, bed.Adapter.Sent[2].Descriptors[0].Second);
    }

    [Fact]
    public void AContextThatWasUndoneIsWrittenAgain()
    {
        using var bed = new Bed(false);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        bed.Adapter.IsStuck = true;
        NetFrame far = bed.FrameOf(0, bed.Elsewhere.Slice(0, 1500));
        far.Offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 };
        NetFrame other = far;
        other.Offload.ChecksumOffset = 16;
        NetFrame filler = SegmentationTests.Frame(bed, 1, 60000, bed.Elsewhere);
        int fillers = queue.Transmit([.. Enumerable.Repeat(filler, 10)]);
        Assert.InRange(fillers, 1, 9);
        while (queue.Transmit([far]) == 1)
        {
        }

        // No room for a copy: its context must not count as written. (Another filled the kept one first.)
        Assert.Equal(0, queue.Transmit([other]));
        bed.Adapter.IsStuck = false;
        bed.Adapter.Write(0x3818, 4, bed.Adapter[0x3818]);
        bed.Reclaim(queue);
        bed.Adapter.Sent.Clear();
        Assert.Equal(1, queue.Transmit([other]));
        Assert.Equal(2, bed.Adapter.Sent[0].Descriptors.Count);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void SegmentationIsSaidInAContextAndHeadersArePrepared(bool is82574, bool isIp6)
    {
        using var bed = new Bed(is82574);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        byte[] bytes = isIp6 ? TestFrames.Tcp6(3000) : TestFrames.Tcp4(3000);
        int network = isIp6 ? 40 : 20;
        int headers = 14 + network + 20;
        NetFrame frame = bed.Frame(0, bytes, 30, bytes.Length - 30);
        frame.Offload = new()
        {
            Flags = isIp6 ? NetFrameFlags.SegmentTcp6 : NetFrameFlags.SegmentTcp4,
            HeaderLength = (ushort)headers,
            SegmentSize = 1000,
            ChecksumStart = (ushort)(14 + network),
            ChecksumOffset = 16,
        };
        Assert.Equal(1, queue.Transmit([frame]));
        SentFrame sent = Assert.Single(bed.Adapter.Sent);
        (ulong first, ulong second) = sent.Descriptors[0];
        Assert.Equal(14UL, first & 0xff);
        Assert.Equal((ulong)(14 + network), (first >> 32) & 0xff);
        Assert.Equal((ulong)(14 + network + 16), (first >> 40) & 0xff);
        Assert.Equal(isIp6 ? 0UL : 24, (first >> 8) & 0xff);
        Assert.Equal(isIp6 ? 0UL : 33, (first >> 16) & 0xffff);
        Assert.Equal(3000UL, second & 0xfffff);
        Assert.Equal((ulong)headers, (second >> 40) & 0xff);
        Assert.Equal(1000UL, second >> 48);
        Assert.Equal(isIp6 ? 0x25UL : 0x27, (second >> 24) & 0xff);

        // Every data descriptor says TSE, TXSM and, for IPv4, IXSM; the headers are one descriptor of their own.
        Assert.All(sent.Descriptors.Skip(1), d => Assert.Equal(1UL << 26, d.Second & (1UL << 26)));
        Assert.All(sent.Descriptors.Skip(1), d => Assert.Equal(isIp6 ? 2UL : 3, (d.Second >> 40) & 0xff));
        Assert.Equal(headers, sent.Pieces[0].Length);
        Assert.Equal(bytes[headers..], sent.Bytes[headers..]);
        byte[] prepared = sent.Pieces[0];
        Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(prepared.AsSpan(isIp6 ? 18 : 16)));
        if (!isIp6)
        {
            Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(prepared.AsSpan(24)));
        }

        ReadOnlySpan<byte> addresses = isIp6 ? bytes.AsSpan(22, 32) : bytes.AsSpan(26, 8);
        Assert.Equal(TestFrames.Sum(addresses, 6), BinaryPrimitives.ReadUInt16BigEndian(prepared.AsSpan(14 + network + 16)));

        // The caller's headers are as they were.
        Assert.Equal(bytes, frame.Data.AsSpan().ToArray().SelectMany(s => s.AsSpan().ToArray()));
    }

    [Fact]
    public void VlanTagsGoWithEveryDescriptor()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetFrame frame = bed.Frame(0, Bed.Pattern(100), 40, 60);
        frame.Offload = new() { Flags = NetFrameFlags.HasVlanTag, VlanTag = 0x6123 };
        queue.Transmit([frame]);
        Assert.All(bed.Adapter.Sent[0].Descriptors, d => Assert.Equal((1UL << 30) | (0x6123UL << 48), d.Second & ((1UL << 30) | (0xffffUL << 48))));
    }

    [Fact]
    public void The82540DoesNotSegmentIp6()
    {
        using var bed = new Bed(false);
        Assert.Equal(NetOffloads.Checksum | NetOffloads.Vlan | NetOffloads.SegmentTcp4, bed.Port.Info.Transmit);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetFrame frame = bed.Frame(0, TestFrames.Tcp6(3000));
        frame.Offload = new() { Flags = NetFrameFlags.SegmentTcp6, HeaderLength = 74, SegmentSize = 1000, ChecksumStart = 54, ChecksumOffset = 16 };
        Assert.Equal(1, queue.Transmit([frame]));
        Assert.Equal([0], bed.Reclaim(queue));
        Assert.Equal(1UL, bed.Port.ReadStatistics().TransmitErrors);
        Assert.Empty(bed.Adapter.Sent);
    }

    /// <summary>What the context cannot say, or headers that are not what they are said to be.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(12, 0x86)]
    [InlineData(14, 0x46)]
    [InlineData(14, 0x65)]
    [InlineData(23, 17)]
    [InlineData(46, 0x60)]
    public void OtherHeadersAreRefused(int place, byte value)
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        NetFrame frame = Frame(bed, 0, 3000);
        if (place == 0)
        {
            frame.Offload.SegmentSize = 0;
        }
        else
        {
            frame.Data.AsSpan()[0].WriteByte(place, value);
        }

        Assert.Equal(1, queue.Transmit([frame]));
        Assert.Empty(bed.Adapter.Sent);
        Assert.Equal(1UL, bed.Port.ReadStatistics().TransmitErrors);
        Assert.Equal([0], bed.Reclaim(queue));
    }

    internal static NetFrame Frame(Bed bed, int tag, int payload, MappedMemory? memory = null)
    {
        byte[] bytes = TestFrames.Tcp4(payload);
        NetFrame frame;
        if (memory is null)
        {
            frame = bed.Frame(tag, bytes);
        }
        else
        {
            bytes.CopyTo(memory.Slice(0, bytes.Length).AsSpan());
            frame = bed.FrameOf(tag, memory.Slice(0, bytes.Length));
        }

        frame.Offload = new() { Flags = NetFrameFlags.SegmentTcp4, HeaderLength = 54, SegmentSize = 1000, ChecksumStart = 34, ChecksumOffset = 16 };
        return frame;
    }
}
