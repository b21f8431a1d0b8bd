using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Makatea.Platform.Linux;

/// <summary>QEMU's monitor (QEMU Machine Protocol): commands, and the events that came. From any thread; one at a time.</summary>
public sealed class QemuMonitor
{
    private readonly LineSocket _lines;
    private readonly Func<Exception, IOException> _explain;
    private readonly Lock _lock = new();
    private readonly List<JsonObject> _events = [];

    internal QemuMonitor(LineSocket lines, Func<Exception, IOException> explain)
    {
        _lines = lines;
        _explain = explain;
        try
        {
            lines.ReceiveLine(); // Its greeting.
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            throw explain(e);
        }

        Execute("qmp_capabilities");
    }

    /// <summary>Runs a command.</summary>
    /// <param name="command">Its name, such as <c>device_del</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>What it returned.</returns>
    /// <exception cref="IOException">QEMU refused, or ended.</exception>
    public JsonNode? Execute(string command, JsonObject? arguments = null)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            request["arguments"] = arguments.DeepClone();
        }

        JsonObject answer;
        lock (_lock)
        {
            try
            {
                _lines.Send(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
                for (answer = Parse(_lines.ReceiveLine()); answer.ContainsKey("event"); answer = Parse(_lines.ReceiveLine()))
                {
                    _events.Add(answer);
                }
            }
            catch (Exception e) when (e is IOException or TimeoutException or JsonException or ObjectDisposedException)
            {
                throw _explain(e);
            }
        }

        return answer["error"] is { } error
            ? throw new IOException($"QEMU refused {command}: {error["desc"]}")
            : answer["return"]?.DeepClone();
    }

    /// <summary>Runs a command of the monitor for people, such as <c>info pci</c>.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="IOException">QEMU ended.</exception>
    public string ExecuteHuman(string command) =>
        Execute("human-monitor-command", new JsonObject { ["command-line"] = command })?.GetValue<string>() ?? "";

    /// <summary>Waits for an event, which is then forgotten; those that came before count.</summary>
    /// <param name="name">Its name, such as <c>DEVICE_DELETED</c>.</param>
    /// <param name="limit">How long to wait.</param>
    /// <returns>Its data.</returns>
    /// <exception cref="TimeoutException">It did not come.</exception>
    /// <exception cref="IOException">QEMU ended.</exception>
    public JsonNode? WaitForEvent(string name, TimeSpan limit)
    {
        long started = TimeProvider.System.GetTimestamp();
        lock (_lock)
        {
            while (true)
            {
                int index = _events.FindIndex(e => e["event"]?.GetValue<string>() == name);
                if (index >= 0)
                {
                    JsonNode? data = _events[index]["data"]?.DeepClone();
                    _events.RemoveAt(index);
                    return data;
                }

                try
                {
                    _events.Add(Parse(_lines.ReceiveLine(limit - TimeProvider.System.GetElapsedTime(started))));
                }
                catch (TimeoutException)
                {
                    throw new TimeoutException($"no {name} came from QEMU in {limit.TotalSeconds:0.#} s; it sent {(_events.Count == 0 ? "no other event" : string.Join(", ", _events.Select(e => e["event"])))}");
                }
                catch (Exception e) when (e is IOException or JsonException)
                {
                    throw _explain(e);
                }
            }
        }
    }

    private static JsonObject Parse(ReadOnlySpan<byte> line) =>
        JsonNode.Parse(line) as JsonObject ?? throw new JsonException("the monitor sent something else than an object");
}
