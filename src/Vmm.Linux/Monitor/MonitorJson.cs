using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>Messages to a client, each a line of ASCII.</summary>
internal static class MonitorJson
{
    private static readonly Version _version = typeof(MonitorJson).Assembly.GetName().Version!;

    /// <summary>Who we are, in the shape of <c>query-version</c>. The numbers are ours.</summary>
    public static JsonObject Version() => new()
    {
        ["qemu"] = new JsonObject { ["major"] = _version.Major, ["minor"] = _version.Minor, ["micro"] = _version.Build },
        ["package"] = "makatea-vmm",
    };

    /// <summary>The first message.</summary>
    public static byte[] Greeting() => Line(new() { ["QMP"] = new JsonObject { ["version"] = Version(), ["capabilities"] = new JsonArray() } });

    /// <summary>A command was done.</summary>
    public static byte[] Return(JsonElement? id, JsonNode? result) => Line(WithId(new() { ["return"] = result ?? new JsonObject() }, id));

    /// <summary>A command was not done.</summary>
    public static byte[] Error(JsonElement? id, MonitorException error) =>
        Line(WithId(new() { ["error"] = new JsonObject { ["class"] = error.ErrorClass, ["desc"] = error.Message } }, id));

    /// <summary>Something happened.</summary>
    public static byte[] Event(MonitorEvent what, DateTimeOffset at)
    {
        long microseconds = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var message = new JsonObject { ["event"] = what.Name };
        if (what.Data is not null)
        {
            message["data"] = what.Data.DeepClone();
        }

        message["timestamp"] = new JsonObject { ["seconds"] = microseconds / 1_000_000, ["microseconds"] = microseconds % 1_000_000 };
        return Line(message);
    }

    private static JsonObject WithId(JsonObject message, JsonElement? id)
    {
        if (id is { } given)
        {
            // Not JsonValue, which takes no objects.
            message["id"] = JsonNode.Parse(given.GetRawText());
        }

        return message;
    }

    private static byte[] Line(JsonObject message)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            message.WriteTo(writer);
        }

        buffer.Write("\r\n"u8);
        return buffer.WrittenSpan.ToArray();
    }
}
