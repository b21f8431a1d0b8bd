using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Domains.Manager;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>Talks to the <see cref="ControlServer"/> of a running system.</summary>
internal static class ControlClient
{
    private const int MaxAnswer = 64 << 20;

    /// <summary>The status of a system, or null where it does not run (its manager died).</summary>
    public static async Task<SystemStatus?> StatusAsync(string socket)
    {
        byte[]? answer = await AskAsync(socket, new JsonObject { ["command"] = "status" }, TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        return answer is null ? null : JsonSerializer.Deserialize(answer, StatusJson.Default.SystemStatus);
    }

    /// <summary>Stops a system and waits for its end.</summary>
    /// <returns>False where it does not run.</returns>
    public static async Task<bool> StopAsync(string socket, bool now, TimeSpan patience) =>
        await AskAsync(socket, new JsonObject { ["command"] = "stop", ["now"] = now }, patience).ConfigureAwait(false) is not null;

    private static async Task<byte[]?> AskAsync(string socket, JsonObject request, TimeSpan patience)
    {
        UnixMessageChannel channel;
        try
        {
            channel = UnixMessageChannel.Connect(socket);
        }
        catch (IOException)
        {
            return null;
        }

        using var lines = new LineChannel(channel, "control", MaxAnswer);
        lines.Send(JsonSerializer.SerializeToUtf8Bytes(request));
        using var timeout = new CancellationTokenSource(patience);
        return await lines.ReceiveAsync(timeout.Token).ConfigureAwait(false);
    }
}
