using System.Diagnostics;
using System.Text.Json.Nodes;
using Makatea.Platform.Linux;
using Makatea.Vmm.Linux.Monitor;

namespace Makatea.Vmm.Linux.Tests.Monitor;

public sealed class MonitorServerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-qmp-").FullName;
    private readonly ManualResetEventSlim _held = new(false);
    private readonly MonitorServer _server;

    public MonitorServerTests()
    {
        _server = new MonitorServer(
            UnixChannelListener.Bind(Path),
            [
                new("add", ["a", "b", "more"], a => a.Number("a", 0, 10) + (a.NumberOrNull("b", -5, 5) ?? 100) + (a.Flag("more", false) ? 1000 : 0)),
                new("say", ["text"], a => a.Text("text")),
                new("fail", () => throw new IOException("the disk is full")),
                new("hold", _held.Wait),
                new("big", () => new string('x', 1 << 16)),
            ],
            TimeProvider.System);
        _server.Start();
    }

    private string Path => System.IO.Path.Combine(_folder, "qmp");

    [Fact]
    public void Commands_come_behind_the_negotiation()
    {
        using var client = MonitorClient.Connect(Path);
        client.Receive();
        Assert.Contains("expected 'qmp_capabilities'", client.Refused("query-version"));
        Assert.Contains("takes none", client.Refused("qmp_capabilities", new JsonObject { ["x"] = 1 }));
        client.Do("qmp_capabilities");
        Assert.Contains("negotiated already", client.Refused("qmp_capabilities"));
        Assert.Equal("makatea-vmm", client.Do("query-version")["package"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"a":1}""", 101)]
    [InlineData("""{"a":10,"b":-5,"more":true}""", 1005)]
    [InlineData("""{"a":1,"b":5,"more":false}""", 6)]
    public void Arguments_come_as_they_were_written(string arguments, int result)
    {
        using var client = MonitorClient.Open(Path);
        Assert.Equal(result, client.Do("add", JsonNode.Parse(arguments)!.AsObject()).GetValue<int>());
    }

    [Theory]
    [InlineData("add", "{}", "parameter 'a' is missing")]
    [InlineData("add", """{"a":11}""", "parameter 'a': found 11, expected a whole number of 0 to 10")]
    [InlineData("add", """{"a":1.5}""", "parameter 'a': found 1.5, expected a whole number")]
    [InlineData("add", """{"a":1e400}""", "parameter 'a': found 1e400, expected a whole number")]
    [InlineData("add", """{"a":"1"}""", "parameter 'a': found text, expected a number")]
    [InlineData("add", """{"a":null}""", "parameter 'a': found null, expected a number")]
    [InlineData("add", """{"a":1,"c":1}""", "parameter 'c' is unexpected; 'add' takes a, b, more")]
    [InlineData("add", """{"a":1,"more":1}""", "parameter 'more': found a number, expected true or false")]
    [InlineData("say", """{"text":"\ud800"}""", "parameter 'text': found half of a surrogate pair")]
    [InlineData("fail", "{}", "the disk is full")]
    [InlineData("say", """{"text":{}}""", "parameter 'text': found an object, expected text")]
    [InlineData("sya", "{}", "found no command 'sya'; query-commands")]
    public void What_is_wrong_is_said_and_the_conversation_goes_on(string command, string arguments, string error)
    {
        using var client = MonitorClient.Open(Path);
        client.Send($$"""{"id":{"x":[1] },"execute":"{{command}}","arguments":{{arguments}} }""");
        JsonObject answer = client.Receive();
        Assert.Equal("""{"x":[1]}""", answer["id"]!.ToJsonString());
        Assert.StartsWith(error, answer["error"]!["desc"]!.GetValue<string>());
        Assert.Equal("é", client.Do("say", new JsonObject { ["text"] = "é" }).GetValue<string>());
    }

    [Theory]
    [InlineData("[]", "found no object")]
    [InlineData("{}", "found no member 'execute'")]
    [InlineData("""{"execute":1}""", "parameter 'execute': found a number, expected text")]
    [InlineData("""{"execute":"add","arguments":[]}""", "parameter 'arguments': found a list, expected an object")]
    [InlineData("""{"exec-oob":"add"}""", "found the member 'exec-oob', expected execute, arguments, id")]
    [InlineData("\xff\n", "found no JSON")]
    public void What_is_no_request_is_refused(string sent, string error)
    {
        using var client = MonitorClient.Open(Path);
        client.Send(sent);
        Assert.StartsWith(error, client.Receive()["error"]!["desc"]!.GetValue<string>());
        client.Do("query-commands");
    }

    [Fact]
    public void Commands_are_listed()
    {
        using var client = MonitorClient.Open(Path);
        Assert.Equal(
            ["add", "big", "fail", "hold", "qmp_capabilities", "query-commands", "query-version", "say"],
            client.Do("query-commands").AsArray().Select(c => c!["name"]!.GetValue<string>()));
    }

    [Fact]
    public void A_command_that_is_too_long_ends_the_conversation_alone()
    {
        using var client = MonitorClient.Open(Path);
        using var other = MonitorClient.Open(Path);
        client.Send("\"" + new string('a', MonitorSession.LongestCommand));
        Assert.Contains("expected at most 65535", client.Receive()["error"]!["desc"]!.GetValue<string>());
        Assert.Null(client.ReceiveOrEnd());
        other.Do("query-version");
    }

    [Fact]
    public void Who_takes_long_holds_up_nobody_else()
    {
        using var slow = MonitorClient.Open(Path);
        using var other = MonitorClient.Open(Path);
        slow.Send("""{"execute":"hold","id":1}""");
        other.Do("query-version");
        _server.Tell(MonitorEvent.Stop);
        other.Await("STOP");
        slow.Await("STOP");
        _held.Set();
        Assert.Equal(1, slow.Receive()["id"]!.GetValue<int>());
    }

    [Fact]
    public void Who_does_not_read_is_cut_off_and_waited_for_by_nobody()
    {
        using var deaf = MonitorClient.Open(Path);
        using var other = MonitorClient.Open(Path);
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < 40; i++)
        {
            deaf.Send("""{"execute":"big"}""");
        }

        for (int i = 0; i < 5000; i++)
        {
            _server.Tell(MonitorEvent.Reset(byGuest: true));
            if (i % 100 == 0)
            {
                other.Do("query-version");
            }
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(9), $"it took {watch.Elapsed}");
        deaf.ReadToEnd();
        other.Do("query-version");
        Assert.InRange(other.Events.Count, 4800, 5000);
    }

    [Fact]
    public void There_is_room_for_eight_and_again_when_one_leaves()
    {
        List<MonitorClient> clients = [.. Enumerable.Range(0, MonitorServer.MostClients).Select(_ => MonitorClient.Open(Path))];
        using (var ninth = MonitorClient.Connect(Path))
        {
            Assert.StartsWith("8 clients are here already", ninth.Receive()["error"]!["desc"]!.GetValue<string>());
            Assert.Null(ninth.ReceiveOrEnd());
        }

        clients[3].Dispose();
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                using var next = MonitorClient.Connect(Path);
                return next.Receive().ContainsKey("QMP");
            },
            TimeSpan.FromSeconds(30)));
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task What_was_asked_is_answered_before_the_end()
    {
        using var client = MonitorClient.Open(Path);
        client.Send("""{"execute":"hold","id":7}""");
        await Task.Delay(100);
        Task end = Task.Run(_server.Dispose);
        _held.Set();
        Assert.Equal(7, client.Receive()["id"]!.GetValue<int>());
        Assert.Null(client.ReceiveOrEnd());
        await end.WaitAsync(TimeSpan.FromSeconds(10));
    }

    /// <summary>Whatever is sent, the next client is served.</summary>
    [Fact]
    public void Hostile_clients_hurt_themselves_alone()
    {
        var random = new Random(7);
        byte[] valid = """{"execute":"add","arguments":{"a":3,"b":[{"c":"\u00e9"}]},"id":{"deep":[[[1e9]]]}}"""u8.ToArray();
        for (int round = 0; round < 300; round++)
        {
            using var client = MonitorClient.Connect(Path);
            client.Send("""{"execute":"qmp_capabilities"}""");
            for (int i = 0; i < 20; i++)
            {
                byte[] bytes = [.. valid];
                for (int change = random.Next(4); change >= 0; change--)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }

                client.Send(System.Text.Encoding.Latin1.GetString(bytes, 0, random.Next(1, bytes.Length + 1)));
            }
        }

        using var next = OpenWhenThereIsRoom();
        Assert.Equal(103, next.Do("add", new JsonObject { ["a"] = 3 }).GetValue<int>());
    }

    public void Dispose()
    {
        _held.Set();
        _server.Dispose();
        _held.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private MonitorClient OpenWhenThereIsRoom()
    {
        MonitorClient? client = null;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                client?.Dispose();
                client = MonitorClient.Connect(Path);
                return client.Receive().ContainsKey("QMP");
            },
            TimeSpan.FromSeconds(30)));
        client!.Do("qmp_capabilities");
        return client;
    }
}
