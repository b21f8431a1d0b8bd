using Makatea.Platform;

namespace Makatea.NetStack.Tests;

public sealed class SwitchTests : IDisposable
{
    private static readonly MacAddress _a = new(0x0200_0000_000a);
    private static readonly MacAddress _b = new(0x0200_0000_000b);
    private readonly PlaneBed _bed = new(new Switch(key: 0x9e37_79b9_7f4a_7c15), options: new() { ReceiveDepth = 64, TransmitDepth = 128 });

    public SwitchTests()
    {
        for (int i = 0; i < 3; i++)
        {
            _bed.Attach();
        }
    }

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Frames_for_who_was_not_heard_go_everywhere_else_and_then_to_its_port_alone()
    {
        Arrive(0, _a, _b);
        Assert.Equal([0, 1, 1], Sent());
        Arrive(1, _b, _a);
        Assert.Equal([1, 0, 0], Sent());
        Arrive(0, _a, _b);
        Assert.Equal([0, 1, 0], Sent());
        Arrive(0, _a, MacAddress.Broadcast);
        Assert.Equal([0, 1, 1], Sent());
    }

    [Fact]
    public void Copies_are_whole_whatever_their_length()
    {
        byte[] frame = ForwardingTests.Bytes(5001);
        MacAddress.Broadcast.Write(frame);
        _a.Write(frame.AsSpan(6));
        _bed.Arrive(0, frame);
        Assert.Equal(frame, Assert.Single(_bed.TakeSent(1)).Bytes);
        Assert.Equal(frame, Assert.Single(_bed.TakeSent(2)).Bytes);
    }

    [Fact]
    public void Copies_ask_for_the_same_work()
    {
        var packet = new TestPacket { To = MacAddress.Broadcast, Protocol = 6, Payload = ForwardingTests.Bytes(4000), IsPartial = true };
        _bed.Arrive(0, packet.Build(), new() { Flags = NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, SegmentSize = 1000 });
        Assert.Equal([0, 4, 4], Sent());
    }

    [Fact]
    public void Stations_move_with_their_last_frame_and_go_with_their_port()
    {
        Arrive(0, _a, _b);
        Arrive(2, _a, _b);
        Sent();
        Arrive(1, _b, _a);
        Assert.Equal([0, 0, 1], Sent());
        _bed.Ports[2].Change(_bed.Ports[2].Info with { IsLinkUp = false });
        _bed.Plane.Port(2)!.IsStale = true;
        _bed.Run();
        Arrive(1, _b, _a);
        Assert.Equal([1, 0, 1], Sent());
    }

    [Fact]
    public void Silent_stations_are_forgotten()
    {
        Arrive(0, _a, _b);
        _bed.Now += 299_000;
        Sent();
        Arrive(1, _b, _a);
        Assert.Equal([1, 0, 0], Sent());
        _bed.Now += 1_000;
        Arrive(1, _b, _a);
        Assert.Equal([1, 0, 1], Sent());
    }

    [Fact]
    public void Frames_between_stations_of_one_port_stay_there()
    {
        Arrive(0, _a, _b);
        Arrive(0, _b, _a);
        Sent();
        Arrive(0, _a, _b);
        Assert.Equal([0, 0, 0], Sent());
    }

    [Theory]
    [InlineData(0x0180_c200_0000UL, 0x0200_0000_000aUL)]
    [InlineData(0x0180_c200_000eUL, 0x0200_0000_000aUL)]
    [InlineData(0xffff_ffff_ffffUL, 0x0300_0000_000aUL)]
    [InlineData(0xffff_ffff_ffffUL, 0UL)]
    public void Frames_for_the_switch_and_from_nobody_go_nowhere(ulong to, ulong from)
    {
        Arrive(0, new(from), new(to));
        Assert.Equal([0, 0, 0], Sent());
    }

    /// <summary>The port that makes addresses up has its share of places; stations of others stay known.</summary>
    [Fact]
    public void Made_up_addresses_push_nobody_out()
    {
        var others = Enumerable.Range(0, 300).Select(i => new MacAddress(0x0200_0001_0000 + (ulong)i)).ToArray();
        foreach (MacAddress station in others)
        {
            Arrive(1, station, _b);
        }

        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            Arrive(0, new(0x0200_0000_0000 | (ulong)random.NextInt64(1L << 40)), _b);
        }

        Sent();
        int known = 0;
        foreach (MacAddress station in others)
        {
            Arrive(2, _b, station);
            int[] sent = Sent();
            Assert.Equal(1, sent[1]);
            known += sent[0] == 0 ? 1 : 0;
        }

        Assert.InRange(known, 280, 300);
    }

    private void Arrive(int port, MacAddress from, MacAddress to)
    {
        byte[] frame = new byte[60];
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        _bed.Arrive(port, frame);
    }

    private int[] Sent() => [.. Enumerable.Range(0, 3).Select(port => _bed.TakeSent(port).Count)];
}
