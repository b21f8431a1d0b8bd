using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Running;
using Makatea.Views;
using Spectre.Console;

namespace Makatea.Commands;

/// <summary><c>makatea top [NAME]</c>: what the ports of net domains do, live.</summary>
internal static class TopCommand
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(1);

    private static readonly Argument<string?> _name = new("NAME") { Description = "Name of the system; by default all that run.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<bool> _once = new("--once") { Description = "Print what was counted since the start, once, in the place of the live table." };
    private static readonly Option<bool> _json = new("--json") { Description = "As --once, in JSON: a list of ports." };

    public static Command Create()
    {
        var command = new Command("top", "Show what qubes and net domains send and receive: packets and bits a second, connections, what is dropped and why. Ctrl-C ends it.\n\n" +
            "A row tells of who has the port: the uplink of a net domain, in bold, and below it the domain's clients. Where its output is no terminal, it is as with --once.")
        {
            _name, _once, _json,
        };
        command.SetAction(async (result, cancellation) =>
        {
            string? name = result.GetValue(_name);
            TextWriter output = result.InvocationConfiguration.Output;
            IReadOnlyList<NetPortReport> ports = await PortsAsync(name).ConfigureAwait(false);
            if (result.GetValue(_json))
            {
                output.WriteLine(JsonSerializer.Serialize(ports, NetPortReportJson.Default.IReadOnlyListNetPortReport));
            }
            else if (ports.Count == 0)
            {
                output.WriteLine("no net domain runs; a system file describes one with 'kind: net'");
            }
            else if (result.GetValue(_once) || Console.IsOutputRedirected || !ReferenceEquals(output, Console.Out))
            {
                StatusTable.ConsoleFor(output).Write(NetPortTable.Render(ports, rates: null));
            }
            else
            {
                await FollowAsync(name, ports, cancellation).ConfigureAwait(false);
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static async Task<IReadOnlyList<NetPortReport>> PortsAsync(string? name)
    {
        IEnumerable<SystemStatus> systems = name is null
            ? (await RunningSystems.AllAsync().ConfigureAwait(false)).Select(s => s.Status)
            : [(await RunningSystems.OneAsync(name).ConfigureAwait(false)).Status];
        return [.. systems.SelectMany(NetPortReport.Of)];
    }

    /// <summary>Follows the ports until Ctrl-C, or until the system that was named has ended.</summary>
    private static async Task FollowAsync(string? name, IReadOnlyList<NetPortReport> ports, CancellationToken cancellation)
    {
        var rates = new NetPortRates(TimeProvider.System);
        await AnsiConsole.Console.Live(NetPortTable.Render(ports, rates.Update(ports))).Overflow(VerticalOverflow.Ellipsis).StartAsync(async context =>
        {
            while (!cancellation.IsCancellationRequested)
            {
                await Task.Delay(_interval, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                ports = await PortsAsync(name).ConfigureAwait(false);
                context.UpdateTarget(NetPortTable.Render(ports, rates.Update(ports)));
            }
        }).ConfigureAwait(false);
    }
}
