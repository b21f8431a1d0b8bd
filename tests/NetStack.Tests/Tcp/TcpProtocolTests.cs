namespace Makatea.NetStack.Tests;

/// <summary>Clauses of the standards, with segments made by hand.</summary>
public sealed class TcpProtocolTests
{
    private static readonly IpAddress _peer = Parse("10.0.0.9");

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _host;
    private readonly List<TcpHeader> _sent = [];
    private readonly List<TcpConnection> _accepted = [];
    private readonly TcpListener _listener;
    private int _port = 7;

    public TcpProtocolTests()
    {
        _host = _network.AddHost("10.0.0.1");
        _host.UseTcp(new() { MaximumConnections = 6, MaximumConnectionsPerPort = 4, MaximumHalfOpenPerPort = 3, MaximumTimeWait = 3, MaximumRetransmissions = 3, MaximumSynRetransmissions = 2 });
        _listener = _host.Tcp.Listen(80, _accepted.Add);
        _network.Tap = (_, payload) =>
        {
            Assert.True(TcpHeader.TryRead(payload, out TcpHeader header));
            _sent.Add(header);
            return true;
        };
    }

    private TcpHeader Last => _sent[^1];

    [Fact]
    public void AHandshakeAgreesOnOptions()
    {
        Send(1000, new() { Sequence = 100, Control = TcpControl.Syn, SegmentSize = 1400, Scale = 3, IsSackPermitted = true, HasTimestamps = true, Timestamp = 77 });
        Assert.Equal((TcpControl.Syn | TcpControl.Ack, 101u, 1460), (Last.Control, Last.Acknowledgement, (int)Last.SegmentSize));
        Assert.Equal((1, true, true, 77u), (Last.Scale, Last.IsSackPermitted, Last.HasTimestamps, Last.TimestampEcho));
        Assert.Empty(_accepted);
        Send(1000, new() { Sequence = 101, Acknowledgement = Last.Sequence + 1, Control = TcpControl.Ack, Window = 100, HasTimestamps = true, Timestamp = 78, TimestampEcho = Last.Timestamp });
        Assert.Equal(1388, Assert.Single(_accepted).SegmentSize);
    }

    /// <summary>[RFC 9293] 3.5.2.</summary>
    [Fact]
    public void AClosedPortResets()
    {
        Send(1000, new() { Sequence = 100, Control = TcpControl.Syn }, to: 81);
        Assert.Equal((TcpControl.Rst | TcpControl.Ack, 0u, 101u), (Last.Control, Last.Sequence, Last.Acknowledgement));
        Send(1000, new() { Sequence = 100, Acknowledgement = 555, Control = TcpControl.Ack }, to: 81);
        Assert.Equal((TcpControl.Rst, 555u), (Last.Control, Last.Sequence));
        int sent = _sent.Count;
        Send(1000, new() { Sequence = 100, Control = TcpControl.Rst }, to: 81);
        Assert.Equal(sent, _sent.Count);
    }

    [Fact]
    public void ResetsAreLimited()
    {
        for (int i = 0; i < 1000; i++)
        {
            Send((ushort)(1000 + i), new() { Sequence = 100, Control = TcpControl.Syn }, to: 81);
        }

        Assert.Equal(TcpOptions.ResetsPerSecond, _sent.Count);
    }

    /// <summary>[RFC 5961] 3.2.</summary>
    [Fact]
    public void AResetCountsOnlyWhereItIsExact()
    {
        (TcpConnection connection, TcpHeader at) = Open(1000);
        Send(1000, new() { Sequence = at.Sequence + 1000, Acknowledgement = at.Acknowledgement, Control = TcpControl.Rst });
        Assert.Equal((TcpControl.Ack, at.Sequence), (Last.Control, Last.Acknowledgement)); // a challenge
        Assert.Equal(TcpState.Established, connection.State);
        int sent = _sent.Count;
        Send(1000, new() { Sequence = at.Sequence + 70_000, Control = TcpControl.Rst });
        Send(1000, new() { Sequence = at.Sequence - 1, Control = TcpControl.Rst });
        Assert.Equal((TcpState.Established, sent), (connection.State, _sent.Count));
        Send(1000, new() { Sequence = at.Sequence, Control = TcpControl.Rst });
        Assert.Equal((TcpState.Closed, 0), (connection.State, _host.Tcp.Connections));
    }

    /// <summary>[RFC 5961] 4.2 and 10: challenged, and not more than twice a second.</summary>
    [Fact]
    public void ASynInAConnectionIsChallenged()
    {
        (TcpConnection connection, TcpHeader at) = Open(1000);
        int sent = _sent.Count;
        for (int i = 0; i < 100; i++)
        {
            Send(1000, new() { Sequence = at.Sequence + (uint)i, Control = TcpControl.Syn });
        }

        Assert.Equal((TcpState.Established, sent + 1), (connection.State, _sent.Count));
        Assert.Equal((TcpControl.Ack, at.Sequence), (Last.Control, Last.Acknowledgement));
    }

    /// <summary>[RFC 5961] 5.2.</summary>
    [Theory]
    [InlineData(1)] // of what was not sent
    [InlineData(-100_000)] // long ago
    public void DataWithAnAcknowledgementThatCannotBeAreDropped(int offset)
    {
        (TcpConnection connection, TcpHeader at) = Open(1000);
        Send(1000, new() { Sequence = at.Sequence, Acknowledgement = at.Acknowledgement + (uint)offset, Control = TcpControl.Ack }, data: [1, 2, 3]);
        Assert.Equal(at.Sequence, Last.Acknowledgement);
        Send(1000, new() { Sequence = at.Sequence, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack }, data: [1, 2, 3]);
        _network.Run(100);
        Assert.Equal((TcpState.Established, at.Sequence + 3), (connection.State, Last.Acknowledgement));
    }

    /// <summary>[RFC 7323] 5.3.</summary>
    [Fact]
    public void SegmentsFromBeforeAreDropped()
    {
        (_, TcpHeader at) = Open(1000, hasTimestamps: true);
        var segment = new TcpHeader { Sequence = at.Sequence, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack, HasTimestamps = true, Timestamp = 50 };
        Send(1000, segment, data: [1]);
        Assert.Equal(at.Sequence, Last.Acknowledgement);
        segment.HasTimestamps = false;
        Send(1000, segment, data: [1]);
        Assert.Equal(at.Sequence, Last.Acknowledgement);
        segment.HasTimestamps = true;
        segment.Timestamp = 100;
        Send(1000, segment, data: [1]);
        _network.Run(100);
        Assert.Equal(at.Sequence + 1, Last.Acknowledgement);
    }

    /// <summary>[RFC 2018] 4: the block with the segment that caused it first.</summary>
    [Fact]
    public void WhatIsAheadIsToldBySack()
    {
        (_, TcpHeader at) = Open(1000, hasSack: true);
        foreach (uint gap in new uint[] { 100, 300, 500, 400 })
        {
            Send(1000, new() { Sequence = at.Sequence + gap, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack }, data: new byte[50]);
            Assert.Equal(at.Sequence, Last.Acknowledgement);
            Assert.Equal(new TcpRange(at.Sequence + gap, at.Sequence + gap + 50), Last.Sacks[0]);
        }

        Assert.Equal(4, Last.SackCount);
        Send(1000, new() { Sequence = at.Sequence + 350, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack }, data: new byte[50]);
        Assert.Equal((3, new TcpRange(at.Sequence + 300, at.Sequence + 450)), (Last.SackCount, Last.Sacks[0]));
        Send(1000, new() { Sequence = at.Sequence, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack }, data: new byte[100]);
        Assert.Equal((at.Sequence + 150, 2), (Last.Acknowledgement, Last.SackCount));
    }

    /// <summary>[RFC 4987] 3.4: half-open ones are bounded for each port, and the oldest gives way.</summary>
    [Fact]
    public void AFloodOfSynsLeavesOthersAlone()
    {
        Send(2000, new() { Sequence = 100, Control = TcpControl.Syn });
        TcpHeader answer = Last;
        _port = 8;
        for (ushort i = 0; i < 1000; i++)
        {
            Send((ushort)(3000 + i), new() { Sequence = 100, Control = TcpControl.Syn });
        }

        Assert.Equal(4, _host.Tcp.HalfOpen);
        _port = 7;
        Send(2000, new() { Sequence = 101, Acknowledgement = answer.Sequence + 1, Control = TcpControl.Ack, Window = 1000 });
        Assert.Single(_accepted);
        _network.Run(60_000);
        Assert.Equal(0, _host.Tcp.HalfOpen);
    }

    [Fact]
    public void ConnectionsAreBoundedForEachPortAndInAll()
    {
        for (ushort i = 0; i < 4; i++)
        {
            Open((ushort)(1000 + i));
        }

        Send(2000, new() { Sequence = 100, Control = TcpControl.Syn });
        Assert.Equal((4, 0), (_host.Tcp.Connections, _host.Tcp.HalfOpen));
        _port = 8;
        Open(2001);
        Open(2002);
        Send(2003, new() { Sequence = 100, Control = TcpControl.Syn });
        Assert.Equal((6, 0, 2L), (_host.Tcp.Connections, _host.Tcp.HalfOpen, _host.Tcp.Refused));
        Task<TcpConnection> connecting = _host.Tcp.ConnectAsync(_peer, 80);
        Assert.Equal(TcpFailure.TooMany, Assert.IsType<TcpException>(connecting.Exception!.InnerException).Failure);
    }

    [Fact]
    public void ClosedConnectionsAreBoundedAndGoWithTime()
    {
        for (ushort i = 0; i < 4; i++)
        {
            (TcpConnection connection, TcpHeader at) = Open((ushort)(1000 + i));
            connection.Output.Complete();
            _network.Run(10);
            Send((ushort)(1000 + i), new() { Sequence = at.Sequence, Acknowledgement = at.Acknowledgement + 1, Control = TcpControl.Ack | TcpControl.Fin, Window = 1000 });
        }

        Assert.Equal((3, 0), (_host.Tcp.TimeWaits, _host.Tcp.Connections));
        int sent = _sent.Count;
        Send(1003, new() { Sequence = 101, Acknowledgement = Last.Sequence, Control = TcpControl.Ack | TcpControl.Fin, Window = 1000 });
        Assert.Equal(sent + 1, _sent.Count); // its acknowledgement was lost
        Send(1003, new() { Sequence = 5000, Control = TcpControl.Syn });
        Assert.Equal((TcpControl.Syn | TcpControl.Ack, 2), (Last.Control, _host.Tcp.TimeWaits)); // begins anew
        _network.Run(130_000);
        Assert.Equal(0, _host.Tcp.TimeWaits);
    }

    [Fact]
    public void APeerThatIsGoneIsGivenUp()
    {
        (TcpConnection connection, TcpHeader at) = Open(1000);
        _ = connection.Output.WriteAsync(new byte[] { 1, 2, 3 });
        _network.Run(100);
        Assert.Equal(at.Acknowledgement, Last.Sequence);
        _network.Run(60_000);
        Assert.Equal(TcpState.Closed, connection.State);
        Assert.Equal(4, _sent.Count(header => header.Sequence == at.Acknowledgement && header.Has(TcpControl.Psh)));
    }

    [Fact]
    public void APeerThatIsSilentIsAskedAndGivenUp()
    {
        (TcpConnection connection, TcpHeader at) = Open(1000);
        int sent = _sent.Count;
        _network.Run(125_000);
        Assert.Equal((sent + 1, at.Acknowledgement - 1), (_sent.Count, Last.Sequence));
        Send(1000, new() { Sequence = at.Sequence, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack, Window = 1000 });
        _network.Run(170_000);
        Assert.Equal(TcpState.Established, connection.State);
        _network.Run(60_000);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void ConnectingEndsWhereNobodyAnswers()
    {
        Task<TcpConnection> connecting = _host.Tcp.ConnectAsync(_peer, 80);
        _network.Run(10_000);
        Assert.Equal(TcpFailure.TimedOut, Assert.IsType<TcpException>(connecting.Exception!.InnerException).Failure);
        Assert.Equal(3, _sent.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ConnectingEndsWhereItIsRefused(bool isExact)
    {
        Task<TcpConnection> connecting = _host.Tcp.ConnectAsync(_peer, 80);
        TcpHeader syn = Last;
        Send(80, new() { Acknowledgement = syn.Sequence + (isExact ? 1u : 2u), Control = TcpControl.Rst | TcpControl.Ack }, to: syn.SourcePort);
        Assert.Equal(isExact, connecting.IsFaulted);
    }

    /// <summary>[RFC 9293] 3.5, figure 8.</summary>
    [Fact]
    public void BothMayOpenAtOnce()
    {
        Task<TcpConnection> connecting = _host.Tcp.ConnectAsync(_peer, 80);
        TcpHeader syn = Last;
        Send(80, new() { Sequence = 900, Control = TcpControl.Syn, Window = 1000 }, to: syn.SourcePort);
        Assert.Equal((TcpControl.Syn | TcpControl.Ack, syn.Sequence, 901u), (Last.Control, Last.Sequence, Last.Acknowledgement));
        Assert.False(connecting.IsCompleted);
        Send(80, new() { Sequence = 900, Acknowledgement = syn.Sequence + 1, Control = TcpControl.Syn | TcpControl.Ack, Window = 1000 }, to: syn.SourcePort);
        Assert.True(connecting.IsCompletedSuccessfully);
    }

    /// <summary>[RFC 9293] 3.8.6.2.2: no small windows.</summary>
    [Fact]
    public void TheWindowOpensByALotOrNotAtAll()
    {
        (TcpConnection connection, TcpHeader at) = Open(1000);
        uint sequence = at.Sequence;
        for (int i = 0; i < 600; i++)
        {
            Send(1000, new() { Sequence = sequence, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack, Window = 1000 }, data: new byte[1000]);
            _network.Run(1);
            sequence = Math.Max(sequence, Last.Acknowledgement);
        }

        Assert.Equal(0, Last.Window);
        int sent = _sent.Count;
        Assert.True(connection.Input.TryRead(out System.IO.Pipelines.ReadResult result));
        connection.Input.AdvanceTo(result.Buffer.GetPosition(100));
        _network.Run(1);
        Assert.Equal(sent, _sent.Count);
        Assert.True(connection.Input.TryRead(out result));
        connection.Input.AdvanceTo(result.Buffer.End);
        _network.Run(1);
        Assert.True(Last.Window > 16_000);
    }

    [Fact]
    public void AListenerThatIsClosedTakesNoMore()
    {
        _listener.Close();
        Send(1000, new() { Sequence = 100, Control = TcpControl.Syn });
        Assert.True(Last.Has(TcpControl.Rst));
    }

    /// <summary>[RFC 6528]: neither close to that of another connection, nor the same on another host.</summary>
    [Fact]
    public void InitialSequenceNumbersCannotBeGuessed()
    {
        var seen = new HashSet<uint>();
        for (ushort i = 0; i < 100; i++)
        {
            Send((ushort)(1000 + i), new() { Sequence = 100, Control = TcpControl.Syn });
            Assert.True(seen.Add(Last.Sequence >> 12));
        }
    }

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    private (TcpConnection Connection, TcpHeader At) Open(ushort port, bool hasSack = false, bool hasTimestamps = false)
    {
        Send(port, new() { Sequence = 100, Control = TcpControl.Syn, SegmentSize = 1460, IsSackPermitted = hasSack, HasTimestamps = hasTimestamps, Timestamp = 100 });
        var at = new TcpHeader { Sequence = 101, Acknowledgement = Last.Sequence + 1 };
        Send(port, new() { Sequence = 101, Acknowledgement = at.Acknowledgement, Control = TcpControl.Ack, Window = 1000, HasTimestamps = hasTimestamps, Timestamp = 100 });
        return (_accepted[^1], at);
    }

    private void Send(ushort port, TcpHeader header, ushort to = 80, byte[]? data = null)
    {
        byte[] segment = new byte[TcpHeader.MaximumLength + (data?.Length ?? 0)];
        (header.SourcePort, header.DestinationPort) = (port, to);
        int length = header.Write(segment);
        data?.CopyTo(segment, length);
        length += data?.Length ?? 0;
        _host.Dispatcher.Receive(new() { Port = _port, Source = _peer, Destination = _host.Address, Protocol = 6, IsChecksumGood = true }, segment.AsSpan(0, length));
    }
}
