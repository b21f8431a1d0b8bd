namespace Makatea.NetStack.Tests;

/// <summary>Bytes arrive whole, in order and once, whatever the link does.</summary>
public sealed class TcpTransferTests
{
    private const int Megabyte = 1 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OverAGoodLinkNothingIsSentTwice(bool isIPv6)
    {
        var trial = new TcpTrial(1, isIPv6: isIPv6);
        trial.Transfer(4 * Megabyte, 60_000);
        Assert.Equal(0, trial.Client.Tcp.Retransmissions + trial.Server.Tcp.Retransmissions);
    }

    /// <summary>Each way has 64 KiB of window and a round trip of 10 ms: 6.5 MB/s.</summary>
    [Fact]
    public void OverAGoodLinkTheWindowIsFilled()
    {
        var trial = new TcpTrial(1);
        long began = trial.Network.Now;
        trial.Transfer(8 * Megabyte, 60_000);
        Assert.InRange(trial.Network.Now - began, 1200, 2600);
    }

    [Theory]
    [CombinatorialFaults]
    public void OverABadLink(string faults, bool hasSack, bool hasTimestamps, int seed)
    {
        var options = new TcpOptions { HasSack = hasSack, HasTimestamps = hasTimestamps };
        var trial = new TcpTrial(seed, options);
        trial.Network.Faults = faults switch
        {
            "loss" => new() { Loss = 0.01 },
            "heavy loss" => new() { Loss = 0.1 },
            "reordering" => new() { Reordering = 0.2 },
            "duplication" => new() { Duplication = 0.2 },
            "corruption" => new() { Corruption = 0.02 },
            "narrow" => new() { Rate = 200, Queue = 20_000 },
            _ => new() { Loss = 0.02, Reordering = 0.1, Duplication = 0.05, Corruption = 0.01, Rate = 2000, Delay = 20 },
        };
        trial.Transfer(faults == "heavy loss" ? Megabyte / 4 : Megabyte, 1_000_000);
    }

    /// <summary>A narrow link is used well, whatever its queue: the window finds what it carries.</summary>
    [Theory]
    [InlineData(128_000, 0, 4_900)]
    [InlineData(16_000, 0, 5_600)]
    [InlineData(128_000, 0.001, 6_500)]
    public void ANarrowLinkIsFilled(int queue, double loss, long most)
    {
        var trial = new TcpTrial(5, new() { SendBuffer = 256 * 1024 }, new() { ReceiveBuffer = 256 * 1024 });
        trial.Network.Faults = new() { Rate = 1000, Delay = 20, Queue = queue, Loss = loss };
        (TcpConnection client, TcpConnection server) = trial.Connect();
        long began = trial.Network.Now;
        TcpTrial.Arrival arrived = TcpTrial.Read(server.Input);
        trial.Finish(60_000, TcpTrial.WriteAsync(client.Output, TcpTrial.Random(1, 4 * Megabyte)), arrived.Done);
        Assert.InRange(trial.Network.Now - began, 4_200, most);
    }

    /// <summary>A loss now and then costs little: recovery takes a round trip, not a timeout.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SingleLossesAreRecoveredFromWithoutTimeouts(bool hasSack)
    {
        var trial = new TcpTrial(3, new() { HasSack = hasSack });
        int count = 0;
        trial.Network.Tap = (info, payload) => payload.Length < 500 || ++count % 97 != 0;
        long began = trial.Network.Now;
        (TcpConnection client, TcpConnection server) = trial.Connect();
        TcpTrial.Arrival arrived = TcpTrial.Read(server.Input);
        trial.Finish(60_000, TcpTrial.WriteAsync(client.Output, TcpTrial.Random(1, 2 * Megabyte)), arrived.Done);
        Assert.InRange(trial.Client.Tcp.Retransmissions, 10, 40);
        Assert.InRange(trial.Network.Now - began, 300, 4_000);
    }

    [Fact]
    public void SequenceNumbersGoRound()
    {
        var first = new TcpTrial(1);
        uint client = first.Connect().Client.Initial;
        var trial = new TcpTrial(1);
        trial.Client.Tcp.SequenceOffset = uint.MaxValue - client - 100_000;
        trial.Server.Tcp.SequenceOffset = trial.Client.Tcp.SequenceOffset;
        trial.Network.Faults = new() { Loss = 0.02, Reordering = 0.1 };
        bool hasGoneRound = false;
        trial.Network.Tap = (info, payload) =>
        {
            hasGoneRound |= TcpHeader.TryRead(payload, out TcpHeader header) && info.Source == trial.Client.Address && payload.Length > 500 && header.Sequence < 500_000;
            return true;
        };
        trial.Transfer(Megabyte, 60_000);
        Assert.True(hasGoneRound);
    }

    [Fact]
    public void AReaderThatStopsHoldsTheWriterBackAndGoesOn()
    {
        var trial = new TcpTrial(1);
        (TcpConnection client, TcpConnection server) = trial.Connect();
        byte[] data = TcpTrial.Random(1, Megabyte);
        Task writing = TcpTrial.WriteAsync(client.Output, data);
        trial.Network.Run(300_000);
        Assert.False(writing.IsCompleted);
        Assert.Equal(TcpState.Established, server.State);
        long packets = trial.Network.Packets;
        trial.Network.Run(100_000);
        Assert.InRange(trial.Network.Packets - packets, 2, 20); // window probes, and keep-alives
        TcpTrial.Arrival arrived = TcpTrial.Read(server.Input);
        trial.Finish(20_000, writing, arrived.Done);
        Assert.Equal(data, arrived.Bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AWindowThatOpensIsHeardOfEvenIfTheNewsIsLost(int seed)
    {
        var trial = new TcpTrial(seed);
        (TcpConnection client, TcpConnection server) = trial.Connect();
        byte[] data = TcpTrial.Random(1, Megabyte / 2);
        Task writing = TcpTrial.WriteAsync(client.Output, data);
        trial.Network.Run(10_000);
        trial.Network.Faults = new() { Loss = 1 };
        TcpTrial.Arrival arrived = TcpTrial.Read(server.Input);
        trial.Network.Run(1_000);
        trial.Network.Faults = new() { Loss = 0.05 };
        trial.Finish(200_000, writing, arrived.Done);
        Assert.Equal(data, arrived.Bytes);
    }

    [Fact]
    public void OneSideMayEndBeforeTheOther()
    {
        var trial = new TcpTrial(1);
        (TcpConnection client, TcpConnection server) = trial.Connect();
        TcpTrial.Arrival request = TcpTrial.Read(server.Input);
        trial.Finish(1_000, TcpTrial.WriteAsync(client.Output, new byte[] { 1, 2, 3 }), request.Done);
        Assert.Equal([1, 2, 3], request.Bytes);
        trial.Network.Run(30_000);
        Assert.Equal((TcpState.FinWait2, TcpState.CloseWait), (client.State, server.State));
        TcpTrial.Arrival response = TcpTrial.Read(client.Input);
        trial.Finish(10_000, TcpTrial.WriteAsync(server.Output, TcpTrial.Random(4, 200_000)), response.Done);
        Assert.Equal(TcpTrial.Random(4, 200_000), response.Bytes);
        trial.Network.Run(1_000);
        Assert.Equal((1, 0), (trial.Client.Tcp.TimeWaits, trial.Server.Tcp.TimeWaits));
        trial.Network.Run(60_000);
        Assert.Equal(0, trial.Client.Tcp.TimeWaits);
    }

    /// <summary>[RFC 1191] 6: smaller packets, from the one on that was too large.</summary>
    [Theory]
    [InlineData(true)] // routers say so
    [InlineData(false)] // nobody does
    public void APathThatCarriesLessIsFound(bool isTold)
    {
        var trial = new TcpTrial(1);
        (TcpConnection client, TcpConnection server) = trial.Connect();
        trial.Network.Tap = (info, payload) =>
        {
            if (payload.Length + 20 <= 1000 || info.Destination != trial.Server.Address)
            {
                return true;
            }

            if (isTold)
            {
                trial.Network.At(trial.Network.Now + 2, () => trial.Client.Tcp.ReceiveError(
                    new() { Source = info.Source, Destination = info.Destination, Protocol = 6, Kind = IpErrorKind.PacketTooBig, Mtu = 1000 }, payload.AsSpan(0, 8)));
            }

            return false;
        };
        byte[] data = TcpTrial.Random(1, 300_000);
        TcpTrial.Arrival arrived = TcpTrial.Read(server.Input);
        trial.Finish(isTold ? 1_000 : 20_000, TcpTrial.WriteAsync(client.Output, data), arrived.Done);
        Assert.Equal(data, arrived.Bytes);
        Assert.Equal(isTold ? 1000 - 52 : 576 - 52, client.SegmentSize);
    }

    /// <summary>[RFC 5927] 4: news about packets that are not on their way are not believed.</summary>
    [Fact]
    public void ForgedErrorsDoNothing()
    {
        var trial = new TcpTrial(1);
        (TcpConnection client, _) = trial.Connect();
        byte[] quoted = [(byte)(client.Key.LocalPort >> 8), (byte)client.Key.LocalPort, 0, (byte)TcpTrial.Port, 1, 2, 3, 4];
        int size = client.SegmentSize;
        foreach (IpErrorKind kind in Enum.GetValues<IpErrorKind>())
        {
            trial.Client.Tcp.ReceiveError(new() { Source = trial.Client.Address, Destination = trial.Server.Address, Protocol = 6, Kind = kind, Mtu = 600 }, quoted);
        }

        Assert.Equal((TcpState.Established, size), (client.State, client.SegmentSize));
    }
}

/// <summary>Kinds of links and peers, and seeds.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CombinatorialFaultsAttribute : Xunit.Sdk.DataAttribute
{
    public override IEnumerable<object[]> GetData(System.Reflection.MethodInfo testMethod) =>
        from faults in new[] { "loss", "heavy loss", "reordering", "duplication", "corruption", "narrow", "everything" }
        from peer in new[] { (true, true), (false, true), (true, false), (false, false) }
        from seed in new[] { 1, 2 }
        select new object[] { faults, peer.Item1, peer.Item2, seed };
}
