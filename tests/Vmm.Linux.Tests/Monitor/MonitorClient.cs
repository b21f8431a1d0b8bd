using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Makatea.Vmm.Linux.Tests.Monitor;

/// <summary>A client of a monitor, a line at a time.</summary>
internal sealed class MonitorClient : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly StreamReader _reader;
    private readonly List<string> _events = [];
    private int _lastId;

    private MonitorClient(string path)
    {
        DateTime end = DateTime.UtcNow + _patience;
        while (true)
        {
            try
            {
                _socket.Connect(new UnixDomainSocketEndPoint(path));
                break;
            }
            catch (SocketException) when (DateTime.UtcNow < end)
            {
                Thread.Sleep(20);
            }
        }

        _socket.ReceiveTimeout = (int)_patience.TotalMilliseconds;
        _reader = new StreamReader(new NetworkStream(_socket));
    }

    /// <summary>Connects, and reads nothing yet.</summary>
    public static MonitorClient Connect(string path) => new(path);

    /// <summary>Connects and negotiates.</summary>
    public static MonitorClient Open(string path)
    {
        var client = new MonitorClient(path);
        Assert.NotNull(client.Receive()["QMP"]!["version"]!["qemu"]!["major"]);
        Assert.Equal("{}", client.Do("qmp_capabilities").ToJsonString());
        return client;
    }

    /// <summary>Events that came so far, with their data.</summary>
    public IReadOnlyList<string> Events => _events;

    public void Send(string text) => _socket.Send(System.Text.Encoding.Latin1.GetBytes(text));

    /// <summary>The next message.</summary>
    public JsonObject Receive() => ReceiveOrEnd() ?? throw new InvalidOperationException("the monitor ended the conversation");

    /// <summary>The next message, or null at the end.</summary>
    public JsonObject? ReceiveOrEnd()
    {
        try
        {
            return _reader.ReadLine() is { } line ? JsonNode.Parse(line)!.AsObject() : null;
        }
        catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
        {
            return null;
        }
    }

    /// <summary>Reads whatever comes before the end.</summary>
    public void ReadToEnd()
    {
        try
        {
            _reader.ReadToEnd();
        }
        catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
        {
            // An end, too.
        }
    }

    /// <summary>Has a command done.</summary>
    /// <returns>What it returned.</returns>
    public JsonNode Do(string command, JsonObject? arguments = null)
    {
        JsonObject answer = Ask(command, arguments);
        return answer["return"] ?? throw new InvalidOperationException($"{command}: {answer}");
    }

    /// <summary>Whether a command is done now.</summary>
    public bool Can(string command) => Ask(command, null).ContainsKey("return");

    /// <summary>The message of an error.</summary>
    public string Refused(string command, JsonObject? arguments = null) => Ask(command, arguments)["error"]!["desc"]!.GetValue<string>();

    /// <summary>Waits for an event.</summary>
    public void Await(string name)
    {
        while (!_events.Any(e => e.StartsWith(name, StringComparison.Ordinal)))
        {
            Note(Receive());
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }

    private JsonObject Ask(string command, JsonObject? arguments)
    {
        int id = ++_lastId;
        var message = new JsonObject { ["execute"] = command, ["id"] = id };
        if (arguments is not null)
        {
            message["arguments"] = arguments;
        }

        Send(message.ToJsonString());
        while (true)
        {
            JsonObject answer = Receive();
            if (answer.ContainsKey("event"))
            {
                Note(answer);
                continue;
            }

            Assert.Equal(id, answer["id"]?.GetValue<int>());
            return answer;
        }
    }

    private void Note(JsonObject message)
    {
        Assert.True(message["timestamp"]!["seconds"]!.GetValue<long>() > 1_700_000_000);
        _events.Add(message["event"]! + (message["data"] is { } data ? $" {data["guest"]} {data["reason"]}" : ""));
    }
}
