using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

public sealed class TcpTrackingTests : IDisposable
{
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Rst = 4;
    private const byte Ack = 16;
    private const uint ClientIsn = 0xffff_fff0;
    private const uint ServerIsn = 5000;

    private readonly NatBed _bed = new();
    private uint _client = ClientIsn;
    private uint _server = ServerIsn;

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_connection_from_first_to_last(bool isClosedByServer)
    {
        Connect();
        Outlives(86_400_000);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(FlowVerdict.Forward, Client(Ack, 1000));
            Assert.Equal(FlowVerdict.Forward, Server(Ack, 1400));
        }

        Func<byte, int, FlowVerdict> first = isClosedByServer ? Server : Client;
        Func<byte, int, FlowVerdict> second = isClosedByServer ? Client : Server;
        Assert.Equal(FlowVerdict.Forward, first(Fin | Ack, 10));
        Assert.Equal(FlowVerdict.Forward, second(Ack, 0));

        // Half closed, the other side still sends.
        Assert.Equal(FlowVerdict.Forward, second(Ack, 1000));
        Assert.Equal(FlowVerdict.Forward, second(Fin | Ack, 0));
        Assert.Equal(FlowVerdict.Forward, first(Ack, 0));
        Outlives(119_000);
        EndsWithin(2_000);
    }

    [Fact]
    public void An_unanswered_connection_is_forgotten_in_two_minutes()
    {
        Assert.Equal(FlowVerdict.Forward, Client(Syn, 0));
        Outlives(119_000);
        EndsWithin(2_000);
    }

    [Theory]
    [InlineData(0x0800_0000u)]
    [InlineData(0x8000_0000u)]
    [InlineData(0xff00_0000u)]
    public void What_is_outside_the_window_goes_no_further(uint distance)
    {
        Connect();
        foreach (byte flags in (byte[])[Ack, Rst, Rst | Ack, Fin | Ack])
        {
            Assert.Equal(FlowVerdict.Invalid, Server(flags, 10, sequence: _server + distance));
            Assert.Equal(FlowVerdict.Invalid, Client(flags, 10, sequence: _client + distance));
        }

        // Inside the window, but acknowledges what was never sent, or long ago.
        Assert.Equal(FlowVerdict.Invalid, Server(Ack, 10, _server, _client + 1));
        Assert.Equal(FlowVerdict.Invalid, Server(Ack, 10, _server, _client - 0x1000_0000));
        Outlives(86_400_000);
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 1000));
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000));
    }

    [Fact]
    public void A_reset_ends_a_connection_only_with_the_number_that_is_awaited()
    {
        Connect();
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000));

        // Inside the window: who gets it asks back, the connection stays.
        Assert.Equal(FlowVerdict.Forward, Server(Rst, 0, sequence: _server + 100));
        Outlives(86_400_000);
        Assert.Equal(FlowVerdict.Forward, Server(Rst, 0));
        Outlives(9_000);
        EndsWithin(2_000);
    }

    [Fact]
    public void A_reset_answers_a_connection_that_is_refused()
    {
        Client(Syn, 0);
        Assert.Equal(FlowVerdict.Invalid, Server(Rst | Ack, 0, acknowledged: _client + 1));
        Assert.Equal(FlowVerdict.Invalid, Server(Rst, 0, acknowledged: 0));
        Outlives(60_000);
        Assert.Equal(FlowVerdict.Forward, Server(Rst | Ack, 0));
        EndsWithin(11_000);
    }

    [Fact]
    public void A_stranger_cannot_disturb_a_connection_with_syn()
    {
        Connect();
        Assert.Equal(FlowVerdict.Forward, Server(Syn, 0, sequence: 12345));
        Assert.Equal(FlowVerdict.Forward, Client(Syn, 0, sequence: 12345));
        Outlives(86_400_000);
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 1000));
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000));
        Assert.Equal(FlowVerdict.Invalid, Server(Syn | Ack, 0, acknowledged: _client + 1000));
    }

    [Fact]
    public void An_old_connection_of_the_server_is_reset_and_the_new_one_begins()
    {
        Client(Syn, 0);
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 0, sequence: 777, acknowledged: 888));
        Assert.Equal(FlowVerdict.Forward, Client(Rst, 0, sequence: 888));
        _client = ClientIsn;
        Connect();
    }

    [Fact]
    public void Ports_are_used_again_after_a_connection_but_not_by_who_answered()
    {
        Connect();
        Server(Rst, 0);
        Assert.Equal(FlowVerdict.Invalid, Server(Syn, 0, sequence: 99));
        (_client, _server) = (0x1234_5678, 99);
        Connect();
        Assert.Equal(1, _bed.Tracker.Count);
    }

    [Fact]
    public void Both_may_begin_at_once()
    {
        Assert.Equal(FlowVerdict.Forward, Client(Syn, 0));
        Assert.Equal(FlowVerdict.Forward, Server(Syn, 0));
        Assert.Equal(FlowVerdict.Forward, Client(Syn | Ack, 0, sequence: ClientIsn));
        Assert.Equal(FlowVerdict.Forward, Server(Syn | Ack, 0, sequence: ServerIsn));
        (_client, _server) = (ClientIsn + 1, ServerIsn + 1);
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 100));
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 100));
        Outlives(86_400_000);
    }

    [Fact]
    public void Windows_are_scaled_as_both_agreed()
    {
        byte[] scale8 = [1, 3, 3, 8];
        Connect(scale8);

        // 0x2000 << 8 = 2 MiB may be under way.
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000, sequence: _server + 0x1f_0000));
        Assert.Equal(FlowVerdict.Invalid, Server(Ack, 1000, sequence: _server + 0x40_0000));
    }

    [Fact]
    public void Without_an_agreement_windows_are_not_scaled()
    {
        Client(Syn, 0, options: [1, 3, 3, 8]);
        Server(Syn | Ack, 0);
        Client(Ack, 0);
        Assert.Equal(FlowVerdict.Invalid, Server(Ack, 1000, sequence: _server + 0x4000));
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000, sequence: _server + 0x1000));
    }

    [Fact]
    public void A_connection_whose_beginning_was_not_seen_is_taken_up_and_lives_short_until_it_is_answered()
    {
        (_client, _server) = (100_000, 200_000);
        Assert.Equal(FlowVerdict.Invalid, Server(Ack, 10));
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 1000));
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 1000, sequence: 90_000));
        Outlives(299_000);
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000, sequence: 150_000));
        Assert.Equal(FlowVerdict.Forward, Server(Ack, 1000, sequence: 500_000));
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 1000, acknowledged: 501_000));
        Outlives(86_400_000);
    }

    [Fact]
    public void No_connection_is_taken_up_where_that_is_off()
    {
        using var bed = new NatBed(options: new() { Secret = 1, Flows = 16, FlowsPerQube = 8, Qubes = 3, PickUpTcp = false });
        Assert.Equal(FlowVerdict.Invalid, bed.Outbound(0, From(0, 6)).Verdict);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Fin)]
    [InlineData(Syn | Fin)]
    [InlineData(Syn | Rst)]
    [InlineData(Rst | Fin)]
    [InlineData(Syn | Fin | Rst | Ack)]
    public void Flags_that_nobody_means_are_malformed(byte flags) => Assert.Equal(FlowVerdict.Malformed, Client(flags, 0));

    private void Connect(byte[]? options = null)
    {
        Assert.Equal(FlowVerdict.Forward, Client(Syn, 0, options: options));
        Assert.Equal(FlowVerdict.Forward, Server(Syn | Ack, 0, options: options));
        Assert.Equal(FlowVerdict.Forward, Client(Ack, 0));
    }

    private FlowVerdict Client(byte flags, int length) => Client(flags, length, sequence: null);

    private FlowVerdict Server(byte flags, int length) => Server(flags, length, sequence: null);

    /// <summary>Sends at the client's next number, which moves, or elsewhere, when it does not.</summary>
    private FlowVerdict Client(byte flags, int length, uint? sequence = null, uint? acknowledged = null, byte[]? options = null)
    {
        TestPacket packet = From(0, 6) with
        {
            TcpFlags = flags,
            Sequence = sequence ?? _client,
            Acknowledged = acknowledged ?? _server,
            Payload = new byte[length],
            TcpOptions = options ?? [],
        };
        _client = sequence is null ? _client + Taken(flags, length) : _client;
        return _bed.Outbound(0, packet).Verdict;
    }

    private FlowVerdict Server(byte flags, int length, uint? sequence = null, uint? acknowledged = null, byte[]? options = null)
    {
        TestPacket packet = From(0, 6) with
        {
            Source = Remote4,
            Destination = External4,
            SourcePort = 53,
            DestinationPort = 40_000,
            TcpFlags = flags,
            Sequence = sequence ?? _server,
            Acknowledged = acknowledged ?? _client,
            Payload = new byte[length],
            TcpOptions = options ?? [],
        };
        _server = sequence is null ? _server + Taken(flags, length) : _server;
        return _bed.Inbound(packet).Verdict;
    }

    private static uint Taken(byte flags, int length) => (uint)length + ((flags & (Syn | Fin)) != 0 ? 1u : 0);

    private void Outlives(long time)
    {
        _bed.Tracker.Tick(_bed.Now + time);
        Assert.Equal(1, _bed.Tracker.Count);
    }

    private void EndsWithin(long time)
    {
        // Outlives looked ahead without moving the clock; so does this.
        _bed.Tracker.Tick(_bed.Now + 119_000 + time);
        Assert.Equal(0, _bed.Tracker.Count);
    }
}
