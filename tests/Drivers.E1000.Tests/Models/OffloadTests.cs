using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>Work that is left to the controllers, checked by doing it again.</summary>
[Trait("Category", "Device")]
public sealed class OffloadTests
{
    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void ChecksumsArePutIn(string model)
    {
        using ModelBed bed = ModelBed.Start(model);
        using ModelQueue queue = bed.OpenQueue();
        for (int i = 0; i < 40; i++)
        {
            int payload = 1 + (i * 36);
            foreach ((byte[] frame, ushort start, ushort offset) in (IEnumerable<(byte[], ushort, ushort)>)
                [(TestFrames.Tcp4(payload), 34, 16), (TestFrames.Udp4(payload), 34, 6), (TestFrames.Tcp6(payload), 54, 16)])
            {
                Assert.False(TestFrames.IsTransportGood(frame));
                NetFrameOffload offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = start, ChecksumOffset = offset };
                queue.Send(bed.Frame(3, frame, offload, 14, start - 14, frame.Length - start));
                byte[] sent = bed.Peer.Receive();
                Assert.True(TestFrames.IsTransportGood(sent), $"{frame.Length} bytes, checksum at {start} + {offset}");
                Assert.Equal(TestFrames.Finish(frame, start, offset), sent);
            }
        }
    }

    /// <summary>Segments of TCP: headers that count on, checksums that are right, flags of the last one alone, and the bytes as they were.</summary>
    [SkippableTheory]
    [InlineData(1, 1000)]
    [InlineData(1000, 1000)]
    [InlineData(1001, 1000)]
    [InlineData(20_000, 1460)]
    [InlineData(65_481, 1448)]
    [InlineData(65_481, 536)]
    public void The82540CutsTcpIntoSegments(int payload, int segmentSize)
    {
        using ModelBed bed = ModelBed.Start(ModelBed.Em);
        using ModelQueue queue = bed.OpenQueue(depth: 64);
        const int headers = TestFrames.Ip4Headers;
        byte[] frame = TestFrames.Tcp4(payload & 0x3fff);
        Array.Resize(ref frame, headers + payload);
        new Random(1).NextBytes(frame.AsSpan(headers));

        // Lengths and checksums of the headers are the port's to work out.
        frame.AsSpan(16, 2).Fill(0xaa);
        frame.AsSpan(24, 2).Fill(0xcc);
        frame.AsSpan(50, 2).Fill(0xbb);

        int[] pieces = payload > 10_000 ? [60, 4000, 5000, payload + headers - 9060] : [payload + headers];
        queue.Send(bed.Frame(5, frame, Segmentation(headers, segmentSize), pieces));
        uint sequence = 0xfffff000;
        int count = (payload + segmentSize - 1) / segmentSize;
        List<byte> bytes = [];
        for (int i = 0; i < count; i++)
        {
            byte[] segment = bed.Peer.Receive();
            int part = Math.Min(segmentSize, payload - (i * segmentSize));
            Assert.Equal(headers + part, segment.Length);
            Assert.True(TestFrames.IsTransportGood(segment));
            Span<byte> tcp = segment.AsSpan(headers - 20);
            Assert.Equal(sequence, BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]));
            Assert.Equal(i == count - 1 ? 0x18 : 0x10, tcp[13]);
            Assert.True(TestFrames.IsIp4Good(segment));
            Assert.Equal(0x1234 + i, BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(18)));
            bytes.AddRange(segment.AsSpan(headers));
            sequence += (uint)part;
        }

        Assert.Equal(frame[headers..], bytes);

        // Where the last segment is a full one, the model sends an empty one after it.
        if (payload % segmentSize == 0)
        {
            Assert.Equal(headers, bed.Peer.Receive().Length);
        }

        // The next frame is none of it.
        queue.Send(bed.Frame(6, FrameTests.Frame(100, TestFrames.Peer, 3)));
        Assert.Equal(FrameTests.Frame(100, TestFrames.Peer, 3), bed.Peer.Receive());
        Assert.Equal((2UL, 0UL), (bed.Port.ReadStatistics().TransmittedFrames, bed.Port.ReadStatistics().TransmitErrors));
    }

    /// <summary>
    /// QEMU before 8.1 cuts what the 82574L is to segment into fragments of IP in the place of segments of TCP: put together, they are the one segment that the descriptors described.
    /// </summary>
    [SkippableTheory]
    [InlineData(2000, 1000)]
    [InlineData(20_000, 1448)]
    [InlineData(60_000, 1448)]
    public void The82574CutsTcpIntoPieces(int payload, int segmentSize)
    {
        using ModelBed bed = ModelBed.Start(ModelBed.L);
        using ModelQueue queue = bed.OpenQueue(depth: 64);
        byte[] frame = TestFrames.Tcp4(payload);
        queue.Send(bed.Frame(5, frame, Segmentation(TestFrames.Ip4Headers, segmentSize), 80, 1000, frame.Length - 1080));
        byte[] whole = new byte[payload];
        int covered = 0;
        while (covered < payload)
        {
            byte[] piece = bed.Peer.Receive();
            Assert.True(TestFrames.IsIp4Good(piece));
            int length = BinaryPrimitives.ReadUInt16BigEndian(piece.AsSpan(16));
            ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(piece.AsSpan(20));
            int offset = (fragment & 0x1fff) * 8;
            if ((fragment & 0x3fff) == 0)
            {
                Assert.True(TestFrames.IsTransportGood(piece));
                int start = (int)(BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(38)) - 0xfffff000);
                piece.AsSpan(54, length - 40).CopyTo(whole.AsSpan(start));
                covered += length - 40;
                continue;
            }

            // A fragment: of the first, the TCP header goes off.
            ReadOnlySpan<byte> data = piece.AsSpan(34, length - 20);
            data = offset == 0 ? data[20..] : data;
            data.CopyTo(whole.AsSpan(offset == 0 ? 0 : offset - 20));
            covered += data.Length;
        }

        Assert.Equal(frame[54..], whole);
        queue.Send(bed.Frame(6, FrameTests.Frame(100, TestFrames.Peer, 3)));
        Assert.Equal(FrameTests.Frame(100, TestFrames.Peer, 3), bed.Peer.Receive());
    }

    [SkippableFact]
    public void ReceivedChecksumsAreCheckedByThe82574()
    {
        using ModelBed bed = ModelBed.Start(ModelBed.L);
        using ModelQueue queue = bed.OpenQueue();
        foreach ((byte[] frame, ushort start, ushort offset) in (IEnumerable<(byte[], ushort, ushort)>)
            [(TestFrames.Tcp4(100, bed.Address), 34, 16), (TestFrames.Udp4(1400, bed.Address), 34, 6), (TestFrames.Tcp6(333, bed.Address), 54, 16)])
        {
            TestFrames.Finish(frame, start, offset);
            bed.Peer.Send(frame);
            Assert.Equal(frame, queue.Receive(out NetFrameOffload offload));
            Assert.Equal(NetFrameFlags.ChecksumGood, offload.Flags);
            frame[^1] ^= 0x40;
            bed.Peer.Send(frame);
            Assert.Equal(frame, queue.Receive(out offload));
            Assert.Equal(NetFrameFlags.ChecksumBad, offload.Flags);
        }

        byte[] wrongIp = TestFrames.Finish(TestFrames.Tcp4(100, bed.Address), 34, 16);
        wrongIp[25] ^= 1;
        bed.Peer.Send(wrongIp);
        queue.Receive(out NetFrameOffload bad);
        Assert.Equal(NetFrameFlags.ChecksumBad, bad.Flags);
    }

    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void VlanTagsArePutInTakenOutAndFiltered(string model)
    {
        using ModelBed bed = ModelBed.Start(model);
        bed.Port.SetFilter(new() { Vlans = [291, 7] });
        using ModelQueue queue = bed.OpenQueue();
        byte[] plain = FrameTests.Frame(200, TestFrames.Peer, 9);
        queue.Send(bed.Frame(1, plain, new() { Flags = NetFrameFlags.HasVlanTag, VlanTag = 0x6123 }, 14, 186));
        Assert.Equal(Tagged(plain, 0x6123), bed.Peer.Receive());

        // A checksum and a tag at once: the places are those without the tag.
        byte[] udp = TestFrames.Udp4(77);
        queue.Send(bed.Frame(1, udp, new() { Flags = NetFrameFlags.HasVlanTag | NetFrameFlags.NeedsChecksum, VlanTag = 5, ChecksumStart = 34, ChecksumOffset = 6 }));
        Assert.Equal(Tagged(TestFrames.Finish(udp, 34, 6), 5), bed.Peer.Receive());

        byte[] own = FrameTests.Frame(200, bed.Address, 10);
        foreach (ushort tag in (ushort[])[8, 0x6123, 290, 0, 7, 4094])
        {
            bed.Peer.Send(Tagged(own, tag));
        }

        bed.Peer.Send(own);
        foreach (ushort tag in (ushort[])[0x6123, 0, 7])
        {
            Assert.Equal(own, queue.Receive(out NetFrameOffload offload));
            Assert.Equal((NetFrameFlags.HasVlanTag, tag), (offload.Flags, offload.VlanTag));
        }

        Assert.Equal(own, queue.Receive(out NetFrameOffload untagged));
        Assert.Equal(NetFrameFlags.None, untagged.Flags);
    }

    internal static byte[] Tagged(byte[] frame, ushort tag) => [.. frame[..12], 0x81, 0, (byte)(tag >> 8), (byte)tag, .. frame[12..]];

    private static NetFrameOffload Segmentation(int headers, int segmentSize) => new()
    {
        Flags = NetFrameFlags.SegmentTcp4,
        HeaderLength = (ushort)headers,
        SegmentSize = (ushort)segmentSize,
        ChecksumStart = (ushort)(headers - 20),
        ChecksumOffset = 16,
    };
}
