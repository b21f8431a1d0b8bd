using System.Text;
using System.Text.Json.Nodes;
using Makatea.Domains.Manager;
using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.Systems;

namespace Makatea.Tests.Running;

public sealed class ControlServerTests : IDisposable
{
    private static readonly SystemStatus _status = new(
        "demo", "/demo.yaml", 1, DateTimeOffset.UnixEpoch, "tcg",
        [new DomainStatus("storage", "storage", PartState.Running, null, 7, 2, "/log", ["Seccomp"], [], [], [new MetricSample("m", "reads", null, new Dictionary<string, string> { ["device"] = "w/d" }, 3)])],
        [new QubeStatus("w", Label.Purple, PartState.Restarting, "why", null, 1 << 20, 1, "/c", "/l", "/q", [new DiskStatus("d", "storage", "/i", "volatile", false, DiskCounters.Zero)])]);

    private readonly TemporaryDirectory _directory = new();
    private readonly List<bool> _stops = [];
    private readonly ControlServer _server;

    public ControlServerTests() => _server = new ControlServer(Socket, () => _status, now =>
    {
        lock (_stops)
        {
            _stops.Add(now);
        }
    });

    private string Socket => Path.Combine(_directory.Path, "control");

    public void Dispose()
    {
        _server.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Status_arrives_whole()
    {
        SystemStatus status = (await ControlClient.StatusAsync(Socket))!;
        Assert.Equal((_status.Name, PartState.Running, Label.Purple), (status.Name, status.Domains[0].State, status.Qubes[0].Label));
        Assert.Equivalent(_status, status, strict: true);
    }

    [Fact]
    public async Task Stop_is_answered_when_all_has_ended()
    {
        Task<bool> stopped = ControlClient.StopAsync(Socket, now: true, TimeSpan.FromSeconds(20));
        while (_stops.Count == 0)
        {
            await Task.Delay(10);
        }

        Assert.False(stopped.IsCompleted);
        _server.Dispose();
        Assert.True(await stopped);
        Assert.Equal([true], _stops);
    }

    [Fact]
    public async Task Nobody_there_is_no_error()
    {
        Assert.Null(await ControlClient.StatusAsync(Path.Combine(_directory.Path, "none")));
        Assert.False(await ControlClient.StopAsync(Path.Combine(_directory.Path, "none"), now: false, TimeSpan.FromSeconds(1)));
    }

    [Theory]
    [InlineData("hello", "found no request")]
    [InlineData("[]", "found no request")]
    [InlineData("{}", "expected status, stop, firewall, net or qube")]
    [InlineData("""{"command": 7}""", "found no request")]
    [InlineData("""{"command": "explode"}""", "expected status, stop, firewall, net or qube")]
    public async Task Wrong_requests_are_answered_with_what_is_right(string request, string expected)
    {
        using var lines = new LineChannel(UnixMessageChannel.Connect(Socket), "test");
        lines.Send(Encoding.UTF8.GetBytes(request));
        byte[]? answer = await lines.ReceiveAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
        Assert.Contains(expected, JsonNode.Parse(answer!)!["error"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.NotNull(await ControlClient.StatusAsync(Socket)); // and nobody else suffers
    }
}
