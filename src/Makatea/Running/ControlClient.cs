using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.Domains.Manager;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>Talks to the <see cref="ControlServer"/> of a running system.</summary>
internal static class ControlClient
{
    private const int MaxAnswer = 64 << 20;
    private static readonly TimeSpan _requestTime = TimeSpan.FromSeconds(15);

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

    /// <summary>Shows or changes a firewall, as <see cref="NetRequests"/> has it.</summary>
    /// <returns>The rules that hold now.</returns>
    /// <exception cref="CommandException">The system ended, or refused; the message says why.</exception>
    public static async Task<IReadOnlyList<string>> FirewallAsync(string socket, JsonObject request) =>
        [.. ((JsonArray)(await RequestAsync(socket, request).ConfigureAwait(false))["rules"]!).Select(r => r!.GetValue<string>())];

    /// <summary>Plugs the cable of a qube in, or pulls it.</summary>
    /// <exception cref="CommandException">The system ended, or refused; the message says why.</exception>
    public static Task SetLinkAsync(string socket, string qube, bool isAttached) =>
        RequestAsync(socket, new JsonObject { ["command"] = "net", ["qube"] = qube, ["attached"] = isAttached });

    /// <summary>Has something done with a qube, as <see cref="QubeRequests"/> has it.</summary>
    /// <param name="socket">The system's.</param>
    /// <param name="request">The request.</param>
    /// <param name="patience">How long that may take.</param>
    /// <exception cref="CommandException">The system ended, or refused; the message says why.</exception>
    public static Task<JsonObject> QubeAsync(string socket, JsonObject request, TimeSpan patience) => RequestAsync(socket, request, patience);

    private static Task<JsonObject> RequestAsync(string socket, JsonObject request) => RequestAsync(socket, request, _requestTime);

    private static async Task<JsonObject> RequestAsync(string socket, JsonObject request, TimeSpan patience)
    {
        byte[] answer = await AskAsync(socket, request, patience).ConfigureAwait(false) ?? throw new CommandException("the system ended");
        JsonObject parsed = JsonNode.Parse(answer)!.AsObject();
        return parsed["error"] is { } error ? throw new CommandException(error.GetValue<string>()) : parsed;
    }

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
