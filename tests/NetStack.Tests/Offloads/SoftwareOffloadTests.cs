using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

public sealed class SoftwareOffloadTests
{
    [Fact]
    public void Checksums_that_were_left_out_are_put_in() => Prop.ForAll((byte[] some, ushort length, bool isTcp) =>
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach();
        byte[] payload = [.. some, .. ForwardingTests.Bytes(length % 9000)];
        var packet = new TestPacket { Protocol = (byte)(isTcp ? 6 : 17), Payload = payload, IsPartial = true };
        bed.Arrive(0, packet.Build(), Offload(packet));
        SentFrame sent = Assert.Single(bed.TakeSent(0));
        Assert.Equal(NetFrameFlags.None, sent.Offload.Flags);
        Assert.Equal((packet with { IsPartial = false }).Build(), sent.Bytes);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(13, 6)]
    [InlineData(34, 2013)]
    [InlineData(34, 65_535)]
    [InlineData(2048, 0)]
    public void Checksums_outside_the_frame_are_refused(int start, int offset)
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach();
        bed.Arrive(0, ForwardingTests.Bytes(2048), new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = (ushort)start, ChecksumOffset = (ushort)offset });
        Assert.Empty(bed.TakeSent(0));
        Assert.Equal(1ul, bed.Plane.Port(0)!.Counters.SendErrors);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(2044)]
    [InlineData(2045)]
    [InlineData(2048)]
    [InlineData(2049)]
    [InlineData(9000)]
    public void Tags_are_put_in_and_all_else_moves(int length)
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach();
        byte[] frame = ForwardingTests.Bytes(length);
        bed.Arrive(0, frame, new() { Flags = NetFrameFlags.HasVlanTag, VlanTag = 0x6064 });
        Assert.Equal([.. frame[..12], 0x81, 0x00, 0x60, 0x64, .. frame[12..]], Assert.Single(bed.TakeSent(0)).Bytes);
    }

    [Fact]
    public void Tags_and_checksums_go_together()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach(new(new() { Address = default, IsLinkUp = true, MaxSegments = 64, Transmit = NetOffloads.Checksum }));
        bed.Attach();
        var packet = new TestPacket { Payload = ForwardingTests.Bytes(2001), IsPartial = true };
        NetFrameOffload offload = Offload(packet) with { VlanTag = 5 };
        offload.Flags |= NetFrameFlags.HasVlanTag;
        for (int port = 0; port < 2; port++)
        {
            bed.Arrive(port, packet.Build(), offload);
            SentFrame sent = Assert.Single(bed.TakeSent(port));
            Assert.Equal(38, sent.Offload.ChecksumStart);
            Assert.Equal((packet with { Vlan = 5, IsPartial = port == 0 }).Build(), sent.Bytes);
        }
    }

    [Fact]
    public void Frames_of_more_pieces_than_a_port_takes_are_counted()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach(new(new() { Address = default, IsLinkUp = true, MaxSegments = 2 }));
        bed.Arrive(0, ForwardingTests.Bytes(4096));
        bed.Arrive(0, ForwardingTests.Bytes(4097));
        Assert.Equal(4096, Assert.Single(bed.TakeSent(0)).Bytes.Length);
        Assert.Equal(1ul, bed.Plane.Port(0)!.Counters.SendErrors);
    }

    private static NetFrameOffload Offload(TestPacket packet) => new()
    {
        Flags = NetFrameFlags.NeedsChecksum,
        ChecksumStart = (ushort)packet.TransportOffset,
        ChecksumOffset = (ushort)(packet.Protocol == 6 ? 16 : 6),
    };
}
