using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Cli;

namespace Makatea.Running;

/// <summary>
/// What commands ask the manager of qubes. <c>{"command":"qube","qube":Q,"action":A}</c>, A being <c>start</c>, <c>stop</c> (with <c>"seconds"</c> for the guest's time), <c>kill</c>,
/// <c>pause</c>, <c>resume</c>, <c>snapshot</c> or <c>restore</c> (both with the absolute path of a <c>"file"</c>), is answered with an empty object when it is done; <c>info</c> with a <see cref="QubeReport"/>.
/// </summary>
internal static class QubeRequests
{
    private const double LongestWait = 86_400;

    /// <summary>Answers a request.</summary>
    /// <exception cref="CommandException">It cannot be done; the message says why.</exception>
    public static async Task<JsonNode> DoAsync(QubeControl qubes, JsonNode request)
    {
        string name = request["qube"]?.GetValue<string>() ?? throw new CommandException("found no 'qube', expected the name of one");
        switch (request["action"]?.GetValue<string>())
        {
            case "start":
                await qubes.StartAsync(name).ConfigureAwait(false);
                break;
            case "stop":
                await qubes.StopAsync(name, Patience(request)).ConfigureAwait(false);
                break;
            case "kill":
                await qubes.KillAsync(name).ConfigureAwait(false);
                break;
            case "pause":
                await qubes.SetPausedAsync(name, isPaused: true).ConfigureAwait(false);
                break;
            case "resume":
                await qubes.SetPausedAsync(name, isPaused: false).ConfigureAwait(false);
                break;
            case "snapshot":
                await qubes.SnapshotAsync(name, File(request)).ConfigureAwait(false);
                break;
            case "restore":
                await qubes.StartAsync(name, File(request)).ConfigureAwait(false);
                break;
            case "info":
                return JsonSerializer.SerializeToNode(await qubes.InfoAsync(name).ConfigureAwait(false), QubeReportJson.Default.QubeReport)!;
            default:
                throw new CommandException("found no known action, expected start, stop, kill, pause, resume, snapshot, restore or info");
        }

        return new JsonObject();
    }

    private static string File(JsonNode request) =>
        request["file"]?.GetValue<string>() is { } file && Path.IsPathFullyQualified(file) ? file : throw new CommandException("found no 'file', expected an absolute path");

    private static TimeSpan? Patience(JsonNode request) => request["seconds"]?.GetValue<double>() switch
    {
        null => null,
        >= 0 and <= LongestWait and double seconds => TimeSpan.FromSeconds(seconds),
        double seconds => throw new CommandException($"found {seconds} seconds, expected 0 to {LongestWait}"),
    };
}
