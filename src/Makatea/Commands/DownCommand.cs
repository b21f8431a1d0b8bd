using System.CommandLine;
using Makatea.Cli;
using Makatea.Running;

namespace Makatea.Commands;

/// <summary><c>makatea down [NAME]</c>: stops a system.</summary>
internal static class DownCommand
{
    private static readonly TimeSpan _silence = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private static readonly Argument<string?> _name = new("NAME") { Description = "Name of the system; by default the only one that runs.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<bool> _now = new("--now") { Description = "Pull the plugs of the qubes in the place of powering them down." };

    public static Command Create()
    {
        var command = new Command("down", "Stop a system: power down its qubes, then end its domains. Returns when it has ended.") { _name, _now };
        command.SetAction(async (result, _) =>
        {
            (SystemStatus status, string socket) = await RunningSystems.OneAsync(result.GetValue(_name)).ConfigureAwait(false);
            await StopAsync(status.Name, socket, result.GetValue(_now), result.InvocationConfiguration.Error).ConfigureAwait(false);
            return ExitCode.Success;
        });
        return command;
    }

    private static async Task StopAsync(string name, string socket, bool now, TextWriter progress)
    {
        Task stopped = ControlClient.StopAsync(socket, now, _patience);
        string last = "";
        while (await Task.WhenAny(stopped, Task.Delay(_silence)).ConfigureAwait(false) != stopped)
        {
            if (await ControlClient.StatusAsync(socket).ConfigureAwait(false) is { } status && Describe(status) is var text && text != last)
            {
                await progress.WriteLineAsync($"{name}: {text}").ConfigureAwait(false);
                last = text;
            }
        }

        await stopped.ConfigureAwait(false);
    }

    private static string Describe(SystemStatus status)
    {
        string[] qubes = [.. status.Qubes.Where(q => q.State == PartState.Stopping).Select(q => q.Name)];
        return qubes.Length == 0 ? "ending its domains" : $"waiting for {string.Join(", ", qubes)} to power down";
    }
}
