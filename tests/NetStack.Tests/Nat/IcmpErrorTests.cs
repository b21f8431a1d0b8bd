using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

public sealed class IcmpErrorTests : IDisposable
{
    private const string Router4 = "203.0.113.99";
    private const string Router6 = "2001:db8:9::99";
    private readonly NatBed _bed = new();

    public static TheoryData<byte, bool, int> Quoted
    {
        get
        {
            var data = new TheoryData<byte, bool, int>();
            foreach (int quoted in (int[])[8, 20, 200])
            {
                foreach ((byte protocol, bool isIPv6) in ((byte, bool)[])[(17, false), (6, false), (1, false), (17, true), (6, true), (58, true)])
                {
                    data.Add(protocol, isIPv6, quoted);
                }
            }

            return data;
        }
    }

    public void Dispose() => _bed.Dispose();

    /// <summary>A router on the way says that a packet went nowhere: the qube is told of the packet as it sent it.</summary>
    [Theory]
    [MemberData(nameof(Quoted))]
    public void An_error_finds_the_qube_and_quotes_what_it_sent(byte protocol, bool isIPv6, int quoted)
    {
        TestPacket packet = From(0, protocol, isIPv6) with { SourcePort = 100, TcpFlags = 2, Payload = new byte[64] };
        Seen sent = _bed.Outbound(0, packet);
        TestPacket error = Error(isIPv6, isIPv6 ? Router6 : Router4, isIPv6 ? External6 : External4, sent.Frame, quoted);
        Seen told = _bed.Inbound(error);
        Assert.Equal((FlowVerdict.Forward, 0), (told.Verdict, told.Qube));
        Assert.Equal((error.Source, packet.Source), (told.Packet.Source, told.Packet.Destination));
        Assert.Equal(Quote(packet.Build(), isIPv6, quoted), told.Frame[(error.TransportOffset + 8)..]);
    }

    /// <summary>A qube says that what came from outside went nowhere.</summary>
    [Theory]
    [MemberData(nameof(Quoted))]
    public void An_error_of_a_qube_goes_out_as_the_uplinks(byte protocol, bool isIPv6, int quoted)
    {
        TestPacket packet = From(0, protocol, isIPv6) with { SourcePort = 100, TcpFlags = 2, Payload = new byte[64] };
        Seen sent = _bed.Outbound(0, packet);
        TestPacket outside = sent.Answer with { TcpFlags = 0x12, Acknowledged = 1001 + 64, Payload = new byte[64] };
        Seen answer = _bed.Inbound(outside);
        TestPacket error = Error(isIPv6, packet.Source, packet.Destination, answer.Frame, quoted);
        Seen told = _bed.Outbound(0, error);
        Assert.Equal((FlowVerdict.Forward, FlowDecision.Uplink), (told.Verdict, told.Qube));
        Assert.Equal((isIPv6 ? External6 : External4, error.Destination), (told.Packet.Source, told.Packet.Destination));
        Assert.Equal(Quote(outside.Build(), isIPv6, quoted), told.Frame[(error.TransportOffset + 8)..]);
    }

    [Fact]
    public void Errors_about_nothing_that_was_sent_go_nowhere()
    {
        Seen sent = _bed.Outbound(0, From(0));
        byte[] other = (From(0) with { Source = External4, DestinationPort = 54 }).Build();

        // It may be about a packet of the domain's own.
        Assert.Equal(FlowVerdict.Local, _bed.Inbound(Error(false, Router4, External4, other, 8)).Verdict);

        // Of another's flow, to another's address, of too little, of a later fragment, with a broken header, of another error.
        Assert.Equal(FlowVerdict.Invalid, _bed.Outbound(1, Error(false, Qubes4[1], Remote4, (From(0) with { Source = Remote4, SourcePort = 53, Destination = Qubes4[0], DestinationPort = 40_000 }).Build(), 8)).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(Error(false, Router4, "192.0.2.99", sent.Frame, 8)).Verdict);
        Assert.Equal(FlowVerdict.Malformed, _bed.Inbound(Error(false, Router4, External4, sent.Frame, 7)).Verdict);
        Assert.Equal(FlowVerdict.Malformed, _bed.Inbound(Error(false, Router4, External4, (From(0) with { Source = External4, Fragment = 1 }).Build(), 8)).Verdict);
        sent.Frame[20] ^= 1;
        Assert.Equal(FlowVerdict.Malformed, _bed.Inbound(Error(false, Router4, External4, sent.Frame, 8)).Verdict);
        Assert.Equal(FlowVerdict.Malformed, _bed.Inbound(Error(false, Router4, External4, Error(false, External4, Remote4, sent.Frame, 8).Build(), 8)).Verdict);
    }

    [Fact]
    public void Errors_keep_no_flow_alive()
    {
        Seen sent = _bed.Outbound(0, From(0));
        _bed.Now += 29_000;
        Assert.Equal(FlowVerdict.Forward, _bed.Inbound(Error(false, Router4, External4, sent.Frame, 8)).Verdict);
        _bed.Now += 2_000;
        _bed.Tracker.Tick(_bed.Now);
        Assert.Equal(0, _bed.Tracker.Count);
    }

    [Theory]
    [InlineData(false, 13)]
    [InlineData(false, 5)]
    [InlineData(true, 133)]
    [InlineData(true, 5)]
    public void Other_messages_do_not_pass(bool isIPv6, byte type)
    {
        TestPacket packet = From(0, (byte)(isIPv6 ? 58 : 1), isIPv6) with { IcmpType = type };
        Assert.Equal(FlowVerdict.Invalid, _bed.Outbound(0, packet).Verdict);
        Assert.Equal(FlowVerdict.Local, _bed.Inbound(packet).Verdict);
    }

    private static TestPacket Error(bool isIPv6, string from, string to, byte[] frame, int quoted)
    {
        byte[] quote = Quote(frame, isIPv6, quoted);
        byte[] message = [(byte)(isIPv6 ? 1 : 3), 1, 0, 0, 0, 0, 0, 0, .. quote];
        TestPacket packet = From(0, (byte)(isIPv6 ? 58 : 1), isIPv6) with { Source = from, Destination = to, Raw = message };
        uint pseudo = 0;
        if (isIPv6)
        {
            byte[] addresses = new byte[32];
            TestPacket.Ip(from).Write(addresses);
            TestPacket.Ip(to).Write(addresses.AsSpan(16));
            pseudo = Makatea.Tests.Traffic.InternetChecksum.Sum(addresses, (uint)(58 + message.Length));
        }

        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~Makatea.Tests.Traffic.InternetChecksum.Sum(message, pseudo));
        return packet;
    }

    /// <summary>The IP header and so many bytes of what follows.</summary>
    private static byte[] Quote(byte[] frame, bool isIPv6, int quoted)
    {
        int length = (isIPv6 ? 40 : 20) + quoted;
        return frame[14..Math.Min(14 + length, frame.Length)];
    }
}
