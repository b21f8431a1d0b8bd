using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Running;
using Makatea.Views;
using Spectre.Console;

namespace Makatea.Commands;

/// <summary><c>makatea ls</c>: shows what runs.</summary>
internal static class LsCommand
{
    private static readonly Option<bool> _json = new("--json") { Description = "Print JSON: a list of systems, with all that their domains count." };

    public static Command Create()
    {
        var command = new Command("ls", "Show the systems that run: domains, qubes, disks, what they count.") { _json };
        command.Aliases.Add("ps");
        command.SetAction(async (result, _) =>
        {
            IReadOnlyList<SystemStatus> systems = [.. (await RunningSystems.AllAsync().ConfigureAwait(false)).Select(s => s.Status)];
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(_json))
            {
                output.WriteLine(JsonSerializer.Serialize(systems, IndentedStatusJson.Default.IReadOnlyListSystemStatus));
            }
            else if (systems.Count == 0)
            {
                output.WriteLine("no system runs; start one with 'makatea up SYSTEM.yaml'");
            }
            else
            {
                IAnsiConsole console = StatusTable.ConsoleFor(output);
                systems.ToList().ForEach(s => console.Write(StatusTable.Render(s, rates: null)));
            }

            return ExitCode.Success;
        });
        return command;
    }
}
