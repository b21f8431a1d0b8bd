using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Platform;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>The conversation with one client ([QMP] QEMU's docs/interop/qmp-spec): a greeting, then capabilities, then commands, one after the other, and events in between.</summary>
internal sealed class MonitorSession : IDisposable
{
    /// <summary>The most bytes of a command.</summary>
    public const int LongestCommand = 64 << 10;

    /// <summary>The command that comes before all others.</summary>
    public const string Negotiate = "qmp_capabilities";

    private const int MostWaiting = 256;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);
    private readonly MessageChannel _channel;
    private readonly MonitorServer _server;
    private readonly Outbox _outbox;
    private readonly Thread _thread;
    private readonly object _answering = new();
    private volatile bool _isNegotiated;

    /// <summary>Begins a conversation.</summary>
    /// <param name="channel">To the client, taken over.</param>
    /// <param name="server">Whose commands the client may use.</param>
    /// <param name="ended">Called when it is over.</param>
    public MonitorSession(MessageChannel channel, MonitorServer server, Action<MonitorSession> ended)
    {
        _channel = channel;
        _server = server;
        _outbox = new Outbox(channel, "monitor output", MostWaiting);
        _thread = new Thread(() =>
        {
            Converse();
            ended(this);
        })
        { IsBackground = true, Name = "monitor" };
    }

    /// <summary>Lets the client speak.</summary>
    public void Start() => _thread.Start();

    /// <summary>Tells the client of an event, if it is ready for those.</summary>
    public void Tell(byte[] message)
    {
        if (_isNegotiated)
        {
            Post(message);
        }
    }

    /// <summary>Answers the command that is being done, sends what waits to be sent, and nothing behind it.</summary>
    /// <param name="patience">How long to wait for either.</param>
    public void Finish(TimeSpan patience)
    {
        bool isAnswered = System.Threading.Monitor.TryEnter(_answering, patience);
        _outbox.Finish(patience);
        if (isAnswered)
        {
            System.Threading.Monitor.Exit(_answering);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _outbox.Dispose();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join(_patience);
        }

        _channel.Dispose();
    }

    private void Converse()
    {
        var reader = new JsonMessageReader(LongestCommand);
        var grants = new List<Grant>();
        Post(MonitorJson.Greeting());
        try
        {
            while (_channel.Receive(reader.Room, grants) is > 0 and int count)
            {
                // None of our commands takes a descriptor.
                grants.ForEach(g => g.Dispose());
                grants.Clear();
                reader.Advance(count);
                AnswerAll(reader);
            }
        }
        catch (InvalidDataException e)
        {
            Post(MonitorJson.Error(null, new MonitorException($"{e.Message}; the conversation ends")));
            _outbox.Finish(_patience);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The client is gone, or we are about to be.
        }

        grants.ForEach(g => g.Dispose());
    }

    private void AnswerAll(JsonMessageReader reader)
    {
        while (true)
        {
            try
            {
                if (!reader.TryTake(out JsonElement message))
                {
                    return;
                }

                lock (_answering)
                {
                    Answer(message);
                }
            }
            catch (JsonException e)
            {
                Post(MonitorJson.Error(null, new MonitorException($"found no JSON ({e.Message}), expected an object with 'execute'; what follows on that line is skipped")));
            }
        }
    }

    private void Answer(JsonElement message)
    {
        JsonElement? id = message.ValueKind == JsonValueKind.Object && message.TryGetProperty("id", out JsonElement given) ? given : null;
        try
        {
            Post(MonitorJson.Return(id, Execute(message)));
        }
        catch (MonitorException e)
        {
            Post(MonitorJson.Error(id, e));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Post(MonitorJson.Error(id, new MonitorException(e.Message)));
        }
    }

    private JsonNode? Execute(JsonElement message)
    {
        MonitorRequest request = MonitorRequest.Read(message);
        bool isNegotiation = request.Command == Negotiate;
        if (isNegotiation == _isNegotiated)
        {
            throw new MonitorException(
                isNegotiation ? "capabilities were negotiated already" : $"found '{request.Command}', expected '{Negotiate}' before any other command", MonitorException.CommandNotFound);
        }

        if (isNegotiation)
        {
            // Events come behind the answer, which is sent by this thread.
            request.Expect([]);
            _isNegotiated = true;
            return null;
        }

        MonitorCommand command = _server.Find(request.Command);
        request.Expect(command.Parameters);
        return command.Execute(request.Arguments);
    }

    private void Post(byte[] message)
    {
        if (!_outbox.TryPost(message))
        {
            _channel.Close(); // It does not read.
        }
    }
}
