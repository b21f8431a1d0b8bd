using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

public sealed class SegmenterTests
{
    private const byte Fin = 0x01;
    private const byte Psh = 0x08;
    private const byte Cwr = 0x80;

    /// <summary>Whatever is cut gives what was there when it is put together, and every piece is right by itself.</summary>
    [Fact]
    public void Pieces_make_up_the_whole() => Prop.ForAll((int seed) =>
    {
        using var bed = new PlaneBed(new LoopbackForwarder(), options: new() { ReceiveDepth = 256, TransmitDepth = 256 });
        bed.Attach();
        var random = new Random(seed);
        TestPacket packet = Make(random);
        int size = random.Next(32, 1460);
        byte[] whole = packet.Build();
        bed.Arrive(0, whole, Offload(packet, size));

        List<SentFrame> sent = bed.TakeSent(0);
        Assert.Equal((packet.Payload.Length + size - 1) / size, sent.Count);
        Assert.Equal(0ul, bed.Plane.Port(0)!.Counters.SendErrors + bed.Plane.Port(0)!.Counters.QueueFull);
        byte[] joined = [.. sent.SelectMany(f => f.Bytes[packet.HeaderLength..])];
        Assert.Equal(packet.Payload, joined);
        for (int i = 0; i < sent.Count; i++)
        {
            byte[] frame = sent[i].Bytes;
            Assert.Equal(NetFrameFlags.None, sent[i].Offload.Flags);
            Assert.True(i == sent.Count - 1 ? frame.Length - packet.HeaderLength <= size : frame.Length - packet.HeaderLength == size);
            TestPacket.AssertRight(frame);
            AssertHeaders(packet, frame, i, size, i == sent.Count - 1);
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Segments_longer_than_a_buffer_have_several_parts()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach();
        var packet = new TestPacket { Protocol = 6, Payload = ForwardingTests.Bytes(20_000), IsPartial = true };
        bed.Arrive(0, packet.Build(), Offload(packet, 8960));
        List<SentFrame> sent = bed.TakeSent(0);
        Assert.Equal([8960, 8960, 2080], sent.Select(f => f.Bytes.Length - packet.HeaderLength));
        Assert.Equal(5, sent[0].Parts);
        Assert.All(sent, f => TestPacket.AssertRight(f.Bytes));
        Assert.Equal(packet.Payload, sent.SelectMany(f => f.Bytes[packet.HeaderLength..]));
    }

    [Fact]
    public void Ports_that_cut_are_told_where_the_headers_are_whatever_the_sender_said()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach(new(new() { Address = default, IsLinkUp = true, MaxSegments = 64, Transmit = NetOffloads.Checksum | NetOffloads.SegmentTcp4, MaxSegmentedLength = 65_535 }));
        var packet = new TestPacket { Protocol = 6, Payload = ForwardingTests.Bytes(5000), IsPartial = true };
        bed.Arrive(0, packet.Build(), Offload(packet, 1400) with { HeaderLength = 9, ChecksumStart = 26, ChecksumOffset = 1 });
        NetFrameOffload offload = Assert.Single(bed.TakeSent(0)).Offload;
        Assert.Equal((packet.HeaderLength, packet.TransportOffset, 16), (offload.HeaderLength, offload.ChecksumStart, offload.ChecksumOffset));
    }

    /// <summary>A congestion window's reduction is not for ports that would say it in each segment ([RFC 3168] 6.1.2).</summary>
    [Fact]
    public void Ports_that_do_not_know_of_ECN_get_segments_then()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach(new(new() { Address = default, IsLinkUp = true, MaxSegments = 64, Transmit = NetOffloads.Checksum | NetOffloads.SegmentTcp4, MaxSegmentedLength = 65_535 }));
        var packet = new TestPacket { Protocol = 6, Payload = ForwardingTests.Bytes(5000), IsPartial = true, TcpFlags = Cwr | 0x10 };
        NetFrameOffload offload = Offload(packet, 1400);
        bed.Arrive(0, packet.Build(), offload with { Flags = offload.Flags | NetFrameFlags.SegmentEcn });
        Assert.Equal([true, false, false, false], bed.TakeSent(0).Select(f => (f.Bytes[47] & Cwr) != 0));
    }

    [Theory]
    [InlineData(NetFrameFlags.SegmentTcp6)]
    [InlineData(NetFrameFlags.SegmentUdp4)]
    [InlineData(NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentUdp4)]
    [InlineData(NetFrameFlags.SegmentTcp4, 31)]
    [InlineData(NetFrameFlags.SegmentTcp4, 0)]
    public void What_is_not_what_it_is_said_to_be_is_dropped(NetFrameFlags flags, int size = 1000)
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach();
        var packet = new TestPacket { Protocol = 6, Payload = ForwardingTests.Bytes(5000), IsPartial = true };
        bed.Arrive(0, packet.Build(), Offload(packet, size) with { Flags = flags | NetFrameFlags.NeedsChecksum });
        Assert.Empty(bed.TakeSent(0));
        Assert.Equal(1ul, bed.Plane.Port(0)!.Counters.SendErrors);
    }

    [Fact]
    public void Nothing_that_a_sender_says_of_a_frame_leads_astray() => Prop.ForAll((int seed) =>
    {
        using var bed = new PlaneBed(new LoopbackForwarder(), options: new() { ReceiveDepth = 256, TransmitDepth = 256 });
        bed.Attach();
        var random = new Random(seed);
        for (int i = 0; i < 20; i++)
        {
            byte[] frame = Make(random).Build();
            for (int changes = random.Next(4); changes > 0; changes--)
            {
                frame[random.Next(Math.Min(frame.Length, 90))] = (byte)random.Next(256);
            }

            NetFrameOffload offload = default;
            random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(new Span<NetFrameOffload>(ref offload)));
            offload.ChecksumStart = (ushort)random.Next(3000);
            offload.ChecksumOffset = (ushort)random.Next(random.Next(1, 65_536));
            bed.Arrive(0, frame[..random.Next(14, frame.Length + 1)], offload);
            bed.TakeSent(0);
        }
    }).QuickCheckThrowOnFailure();

    private static TestPacket Make(Random random)
    {
        bool isIPv6 = random.Next(2) == 0;
        bool isTcp = random.Next(2) == 0;
        byte[] payload = new byte[random.Next(1, random.Next(2) == 0 ? 20_000 : 3000)];
        random.NextBytes(payload);
        byte[] options = random.Next(3) != 0 ? [] : isIPv6 ? [(byte)(isTcp ? 6 : 17), 0, 1, 4, 0, 0, 0, 0] : [1, 1, 1, 0];
        return new()
        {
            Source = isIPv6 ? "fd09::5" : "10.137.0.5",
            Destination = isIPv6 ? "2001:db8::1" : "93.184.216.34",
            Protocol = (byte)(isTcp ? 6 : 17),
            Options = options,
            FirstExtension = 60,
            TcpOptions = random.Next(2) == 0 ? [] : new byte[4 * random.Next(11)],
            TcpFlags = (byte)random.Next(256),
            Sequence = (uint)random.NextInt64(),
            Identification = (ushort)random.Next(65_536),
            Vlan = random.Next(4) == 0 ? (ushort)100 : null,
            Payload = payload,
            IsPartial = true,
        };
    }

    private static NetFrameOffload Offload(TestPacket packet, int size) => new()
    {
        Flags = NetFrameFlags.NeedsChecksum | ((packet.Protocol == 6, packet.IsIPv6) switch
        {
            (true, false) => NetFrameFlags.SegmentTcp4,
            (true, true) => NetFrameFlags.SegmentTcp6,
            (false, false) => NetFrameFlags.SegmentUdp4,
            _ => NetFrameFlags.SegmentUdp6,
        }),
        SegmentSize = (ushort)size,
        HeaderLength = (ushort)packet.HeaderLength,
        ChecksumStart = (ushort)packet.TransportOffset,
        ChecksumOffset = (ushort)(packet.Protocol == 6 ? 16 : 6),
    };

    private static void AssertHeaders(TestPacket packet, byte[] frame, int number, int size, bool isLast)
    {
        if (!packet.IsIPv6)
        {
            Assert.Equal((ushort)(packet.Identification + number), BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(packet.IpOffset + 4)));
        }

        if (packet.Protocol == 6)
        {
            Assert.Equal(packet.Sequence + (uint)(number * size), BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(packet.TransportOffset + 4)));
            int expected = packet.TcpFlags & (isLast ? 0xff : ~(Fin | Psh)) & (number == 0 ? 0xff : ~Cwr);
            Assert.Equal(expected, frame[packet.TransportOffset + 13]);
        }
    }
}
