using static Makatea.NetStack.Tests.FakeDnsServer;

namespace Makatea.NetStack.Tests;

/// <summary>Answers that do not fit a datagram: truncated, and asked for again over TCP, on both sides of the forwarder.</summary>
public sealed class DnsStreamTests
{
    private const int Records = 300; // 4.8 KB
    private static readonly DnsName _name = DnsMessageTests.Parse("large.example.org");

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _domain;
    private readonly SimulatedHost _qube;
    private readonly SimulatedHost _upstream;
    private readonly DnsForwarder _forwarder;
    private readonly DnsResolver _resolver;
    private readonly FakeDnsServer _server;
    private int _streamed;

    public DnsStreamTests()
    {
        _domain = _network.AddHost("10.139.1.1");
        _qube = _network.AddHost("10.137.0.5");
        _upstream = _network.AddHost("10.0.0.53");
        _domain.UseTcp();
        _qube.UseTcp();
        _upstream.UseTcp();
        var streams = new DnsStreamClient(_domain.Tcp);
        _resolver = new(_domain, _domain.Udp, new(5), streams) { Servers = [_upstream.Address] };
        _forwarder = new(_resolver);
        _forwarder.Serve(_domain.Port, true);
        var server = new DnsStreamServer(_forwarder, _domain.Tcp);
        _domain.Dispatcher.AddTimer(streams);
        _domain.Dispatcher.AddTimer(_resolver);
        _domain.Dispatcher.AddTimer(server);
        _server = new(_upstream) { Answer = query => new() { Id = query.Id, Flags = DnsFlags.Response | DnsFlags.Truncated, Question = query.Question } };
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void ALargeAnswerIsFetchedAndGivenOverStreams(double loss)
    {
        Listen(answers: true);
        _network.Faults = new() { Loss = loss };
        DnsMessage? response = null;
        Ask([.. Query(1)], message => response = message);
        Assert.True(_network.RunUntil(() => response is not null, 30_000));
        Assert.Equal((Records, 0), (response!.Answers.Count, response.ResponseCode));
        Assert.False(response.Flags.HasFlag(DnsFlags.Truncated));
        Assert.InRange(_streamed, 1, 4);
    }

    [Fact]
    public void SeveralQuestionsGoOverOneConnection()
    {
        Listen(answers: true);
        var ids = new List<ushort>();
        Ask([.. Query(1), .. Query(2), .. Query(3)], message => ids.Add(message.Id));
        Assert.True(_network.RunUntil(() => ids.Count == 3, 10_000));
        Assert.Equal(new ushort[] { 1, 2, 3 }, ids);
        Assert.Equal(1, _streamed);
    }

    [Fact]
    public void AServerThatTakesNoConnectionsIsAFailure()
    {
        DnsAnswer? answer = null;
        _resolver.Resolve(DnsResolver.Self, new(_name, DnsType.A), false, a => answer = a);
        Assert.True(_network.RunUntil(() => answer is not null, 20_000));
        Assert.Equal(DnsResponseCode.ServerFailure, answer!.ResponseCode);
    }

    [Fact]
    public void AServerThatIsSilentIsAFailureAndItsConnectionEnds()
    {
        Listen(answers: false);
        DnsAnswer? answer = null;
        _resolver.Resolve(DnsResolver.Self, new(_name, DnsType.A), false, a => answer = a);
        Assert.True(_network.RunUntil(() => answer is not null, 20_000));
        Assert.Equal(DnsResponseCode.ServerFailure, answer!.ResponseCode);
        _network.Run(10_000);
        Assert.Equal(0, _domain.Tcp.Connections);
    }

    [Fact]
    public void AnIdleClientIsLetGo()
    {
        Ask([], _ => Assert.Fail("nothing was asked"));
        _network.Run(5_000);
        Assert.Equal(1, _domain.Tcp.Connections);
        _network.Run(10_000);
        Assert.Equal(0, _domain.Tcp.Connections + _qube.Tcp.Connections);
    }

    [Theory]
    [InlineData(new byte[] { 0xff, 0xff, 1, 2, 3 })]
    [InlineData(new byte[] { 0, 3, 1, 2, 3 })]
    [InlineData(new byte[] { 0, 0 })]
    public void NoiseEndsTheConnection(byte[] noise)
    {
        Ask(noise, _ => Assert.Fail("that was no question"), completes: false);
        Assert.True(_network.RunUntil(() => _domain.Tcp.Connections == 1, 1_000));
        Assert.True(_network.RunUntil(() => _domain.Tcp.TimeWaits + _qube.Tcp.TimeWaits + _domain.Tcp.Connections == 0 || _domain.Tcp.TimeWaits == 1, 5_000));
    }

    [Fact]
    public void PortsThatAreNotServedAreRefused()
    {
        _forwarder.Serve(_domain.Port, false);
        Task<TcpConnection> connecting = _qube.Tcp.ConnectAsync(_domain.Address, 53);
        _network.RunUntil(() => connecting.IsCompleted, 5_000);
        Assert.Equal(TcpFailure.Refused, Assert.IsType<TcpException>(connecting.Exception!.InnerException).Failure);
    }

    private static byte[] Query(ushort id)
    {
        byte[] buffer = new byte[512];
        int length = DnsWriter.Write(new() { Id = id, Flags = DnsFlags.RecursionDesired, Question = new(_name, DnsType.A) }, buffer);
        return [(byte)(length >> 8), (byte)length, .. buffer[..length]];
    }

    private void Listen(bool answers) => _upstream.Tcp.Listen(53, connection =>
    {
        _streamed++;
        _ = ServeAsync(connection, answers);
    });

    private static async Task ServeAsync(TcpConnection connection, bool answers)
    {
        while (await DnsStream.ReadAsync(connection.Input, 512).ConfigureAwait(false) is { } query)
        {
            if (!answers || !DnsReader.TryRead(query, out DnsMessage message))
            {
                continue;
            }

            byte[] buffer = new byte[65535];
            DnsMessage reply = Reply(message, 0, [.. Enumerable.Range(0, 250).Select(i => Address(_name, 60, 10, 0, (byte)(i >> 8), (byte)i)), .. Enumerable.Range(250, Records - 250).Select(i => Address(_name, 60, 10, 0, 1, (byte)i))]);
            await DnsStream.WriteAsync(connection.Output, buffer.AsMemory(0, DnsWriter.Write(reply, buffer))).ConfigureAwait(false);
        }

        await connection.Output.CompleteAsync().ConfigureAwait(false);
    }

    private void Ask(byte[] bytes, Action<DnsMessage> received, bool completes = false) => _network.At(_network.Now, () => _ = AskAsync(bytes, received, completes));

    private async Task AskAsync(byte[] bytes, Action<DnsMessage> received, bool completes)
    {
        TcpConnection connection = await _qube.Tcp.ConnectAsync(_domain.Address, 53).ConfigureAwait(false);
        await TcpTrial.WriteAsync(connection.Output, bytes, completes: completes).ConfigureAwait(false);
        while (await DnsStream.ReadAsync(connection.Input, 65535).ConfigureAwait(false) is { } response)
        {
            Assert.True(DnsReader.TryRead(response, out DnsMessage message));
            received(message);
        }

        await connection.Output.CompleteAsync().ConfigureAwait(false);
    }
}
