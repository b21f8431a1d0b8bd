using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.Running;
using Makatea.Views;

namespace Makatea.Commands;

/// <summary><c>makatea qube start|stop|kill|pause|resume|snapshot|restore|info|console QUBE</c>: one qube of a running system.</summary>
internal static class QubeCommand
{
    private const string Help = """
        Start, stop and look at one qube of a running system, whatever it runs in.

          makatea qube info work                 how it is: VMM, processors, disks, mitigations
          makatea qube pause work                stands still, its clock too
          makatea qube resume work
          makatea qube stop work                 powers it down
          makatea qube start work                and up again
          makatea qube snapshot work work.state  all of it but its disks, into a file; pause it first
          makatea qube restore work work.state   goes on from there, once it was killed
          makatea qube console work              its serial console

        A qube that was stopped stays in 'makatea ls' and can be started again. The system goes on without it until 'makatea down', or until the others power themselves off and none was stopped.
        """;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan _snapshotTime = TimeSpan.FromMinutes(11);

    private static readonly Argument<string> _qube = new("QUBE") { Description = "Name of the qube." };
    private static readonly Argument<string> _file = new("FILE") { Description = "The snapshot." };
    private static readonly Option<string?> _system = RunningSystems.SystemOption();
    private static readonly Option<double?> _timeout = new("--timeout") { Description = "How many seconds the guest gets to power down before its plug is pulled, 0 to 86400; by default the system's --stop-timeout.", HelpName = "SECONDS" };
    private static readonly Option<bool> _json = new("--json") { Description = "Print JSON." };

    public static Command Create()
    {
        _timeout.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && !(double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out double seconds) && seconds is >= 0 and <= 86_400))
            {
                result.AddError($"found --timeout {text}, expected 0 to 86400 seconds");
            }
        });
        return new Command("qube", Help)
        {
            Action("start", "Start a qube that was stopped, that powered itself off, or that failed. Returns when its processors run."),
            Action("stop", "Power a qube down: press its power button, and pull its plug where it does not hear that in time. A paused one goes on for that. Returns when it has ended.", _timeout),
            Action("kill", "Pull a qube's plug. What it has not written to its disks is lost."),
            Action("pause", "Stand a qube still: its processors and its clock. Its disks and network are served on; what comes meanwhile waits."),
            Action("resume", "Let a qube go on that was paused."),
            Snapshot("snapshot", "Write all of a qube but its disks into a file, and let it go on, unless it is paused. For qubes of makatea-vmm. Its disks have to be as they are now when it is restored: pause it first, "
                + "and kill it behind this, or copy them before it goes on."),
            Snapshot("restore", "Let a qube that is stopped go on from a snapshot, in the place of booting. Its disks have to be as they were when that was taken."),
            Info(),
            ConsoleCommand.Create(),
        };
    }

    private static Command Action(string name, string description, Option? option = null)
    {
        var command = new Command(name, description) { _qube, _system };
        if (option is not null)
        {
            command.Add(option);
        }

        command.SetAction(async (result, _) =>
        {
            double? seconds = option is null ? null : result.GetValue(_timeout);

            // Without a time of ours the system's holds, which this command does not know.
            TimeSpan patience = name != "stop" ? _patience : seconds is { } given ? TimeSpan.FromSeconds(given) + _patience : TimeSpan.FromDays(1);
            await AskAsync(name, result, request => request["seconds"] = seconds, patience).ConfigureAwait(false);
            return ExitCode.Success;
        });
        return command;
    }

    private static Command Snapshot(string name, string description)
    {
        var command = new Command(name, description) { _qube, _file, _system };
        command.SetAction(async (result, _) =>
        {
            string file = Path.GetFullPath(result.GetRequiredValue(_file));
            if (name == "restore" && !File.Exists(file))
            {
                throw new CommandException($"found no snapshot at {file}; 'makatea qube snapshot {result.GetRequiredValue(_qube)} FILE' writes one");
            }

            await AskAsync(name, result, request => request["file"] = file, _snapshotTime).ConfigureAwait(false);
            return ExitCode.Success;
        });
        return command;
    }

    private static Command Info()
    {
        var command = new Command("info", "Show how a qube is, and what its VMM says of it: processors with their exits, devices, how it stands against flaws of the processor.") { _qube, _system, _json };
        command.SetAction(async (result, _) =>
        {
            JsonObject answer = await AskAsync("info", result, _ => { }, _patience).ConfigureAwait(false);
            QubeReport report = answer.Deserialize(QubeReportJson.Default.QubeReport)!;
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(_json))
            {
                output.WriteLine(JsonSerializer.Serialize(report, IndentedQubeReportJson.Default.QubeReport));
            }
            else
            {
                StatusTable.ConsoleFor(output).Write(QubeTable.Render(report));
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static async Task<JsonObject> AskAsync(string action, ParseResult result, Action<JsonObject> fill, TimeSpan patience)
    {
        (QubeStatus qube, string socket) = await RunningSystems.QubeAsync(result.GetRequiredValue(_qube), result.GetValue(_system)).ConfigureAwait(false);
        var request = new JsonObject { ["command"] = "qube", ["qube"] = qube.Name, ["action"] = action };
        fill(request);
        try
        {
            return await ControlClient.QubeAsync(socket, request, patience).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            throw new CommandException($"the manager did not answer within {patience.TotalSeconds:0} s; 'makatea ls' shows how '{qube.Name}' is", inner: e);
        }
    }
}
