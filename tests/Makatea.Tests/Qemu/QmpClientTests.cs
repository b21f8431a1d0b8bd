using System.Text.Json.Nodes;
using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Qemu;

namespace Makatea.Tests.Qemu;

/// <summary>QEMU's side is played by the test; <see cref="AcceleratorTests"/> and the guests have the real one.</summary>
public sealed class QmpClientTests : IDisposable
{
    private const string Greeting = """{"QMP": {"version": {}, "capabilities": ["oob"]}}""" + "\r";
    private readonly LineChannel _qemu;
    private readonly QmpClient _client;

    public QmpClientTests()
    {
        MessageChannel ours = new LinuxHost().CreateChannel(out Grant theirs);
        _qemu = new LineChannel(theirs.OpenChannel(), "QEMU");
        _client = new QmpClient(ours, "test");
    }

    public void Dispose()
    {
        _client.Dispose();
        _qemu.Dispose();
    }

    private void Send(string line) => _qemu.Send(System.Text.Encoding.UTF8.GetBytes(line));

    private async Task<JsonNode> Receive() => JsonNode.Parse((await _qemu.ReceiveAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token))!)!;

    private async Task Connect()
    {
        Task connected = _client.ConnectAsync(CancellationToken.None);
        Send(Greeting);
        JsonNode request = await Receive();
        Assert.Equal("qmp_capabilities", request["execute"]!.GetValue<string>());
        Send($$"""{"return": {}, "id": {{request["id"]}}}""");
        await connected;
    }

    [Fact]
    public async Task Answers_find_their_commands_past_events()
    {
        var events = new List<string>();
        _client.Event += (name, data) => events.Add($"{name} {data?["guest"]}");
        await Connect();
        Task<JsonNode?> first = _client.ExecuteAsync("query-status");
        JsonNode firstRequest = await Receive();
        Task<JsonNode?> second = _client.ExecuteAsync("query-name");
        JsonNode secondRequest = await Receive();
        Send("""{"timestamp": {}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}""");
        Send($$"""{"return": {"name": "b"}, "id": {{secondRequest["id"]}}}""");
        Send($$"""{"return": {"status": "running"}, "id": {{firstRequest["id"]}}}""");
        Assert.Equal("running", (await first)!["status"]!.GetValue<string>());
        Assert.Equal("b", (await second)!["name"]!.GetValue<string>());
        Assert.Equal(["SHUTDOWN true"], events);
    }

    [Fact]
    public async Task A_refusal_says_why()
    {
        await Connect();
        Task<JsonNode?> answer = _client.ExecuteAsync("explode");
        JsonNode request = await Receive();
        Send($$$"""{"error": {"class": "CommandNotFound", "desc": "The command explode has not been found"}, "id": {{{request["id"]}}}}""");
        Assert.Contains("has not been found", (await Assert.ThrowsAsync<IOException>(() => answer)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("garbage")]
    [InlineData("[]")]
    [InlineData("""{"event": 7}""")]
    [InlineData("""{"id": "x", "return": {}}""")]
    public async Task Who_waits_hears_of_the_end_however_it_came(string? lastWords)
    {
        _client.Event += (_, _) => { };
        await Connect();
        Task<JsonNode?> answer = _client.ExecuteAsync("query-status");
        await Receive();
        if (lastWords is not null)
        {
            Send(lastWords);
        }
        else
        {
            _qemu.Close();
        }

        await Assert.ThrowsAsync<IOException>(() => answer.WaitAsync(TimeSpan.FromSeconds(10)));
        await _client.Ended;
        await Assert.ThrowsAsync<IOException>(() => _client.ExecuteAsync("quit"));
    }

    [Fact]
    public async Task A_QEMU_that_ends_at_once_fails_the_connection()
    {
        Task connected = _client.ConnectAsync(CancellationToken.None);
        _qemu.Close();
        await Assert.ThrowsAsync<IOException>(() => connected.WaitAsync(TimeSpan.FromSeconds(10)));
    }
}
