using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Makatea.EndToEnd;

/// <summary>QEMU's machine protocol, as much of it as the tests need.</summary>
internal sealed class QmpConnection : IDisposable
{
    private readonly Socket _listener;
    private readonly List<string> _events = [];
    private StreamReader? _reader;
    private NetworkStream? _stream;

    /// <summary>Listens at <paramref name="path"/>, where QEMU connects to.</summary>
    public QmpConnection(string path)
    {
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    /// <summary>Names of the events seen while waiting for answers.</summary>
    public IReadOnlyList<string> Events => _events;

    /// <summary>Waits for QEMU and negotiates.</summary>
    public void Open(double seconds)
    {
        if (!_listener.Poll(TimeSpan.FromSeconds(seconds), SelectMode.SelectRead))
        {
            throw new TimeoutException($"QEMU did not connect its monitor within {seconds} s");
        }

        _stream = new NetworkStream(_listener.Accept(), ownsSocket: true) { ReadTimeout = 30_000 };
        _reader = new StreamReader(_stream, Encoding.UTF8);
        _ = _reader.ReadLine();
        Execute("qmp_capabilities");
    }

    /// <summary>Runs a command and returns its result.</summary>
    /// <exception cref="InvalidOperationException">QEMU refused it.</exception>
    public JsonNode? Execute(string command, JsonObject? arguments = null)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        _stream!.Write(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
        while (true)
        {
            string line = _reader!.ReadLine() ?? throw new IOException($"QEMU ended before it answered {command}");
            JsonObject answer = JsonNode.Parse(line)!.AsObject();
            if (answer.TryGetPropertyValue("return", out JsonNode? result))
            {
                return result;
            }

            if (answer.TryGetPropertyValue("error", out JsonNode? error))
            {
                throw new InvalidOperationException($"QEMU refused {command}: {error!["desc"]}");
            }

            if (answer.TryGetPropertyValue("event", out JsonNode? name))
            {
                _events.Add(name!.GetValue<string>());
            }
            else
            {
                throw new JsonException($"no QMP answer: {line}");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream?.Dispose();
        _listener.Dispose();
    }
}
