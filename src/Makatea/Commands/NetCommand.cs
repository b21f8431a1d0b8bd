using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Running;

namespace Makatea.Commands;

/// <summary><c>makatea net QUBE [attach|detach]</c>: plugs the cable of a qube in, or pulls it.</summary>
internal static class NetCommand
{
    private const string Attach = "attach";
    private const string Detach = "detach";

    private static readonly Argument<string> _qube = new("QUBE") { Description = "Name of the qube, or of a net domain that is a client of another." };
    private static readonly Argument<string?> _action = new("ACTION") { Description = "attach plugs its cable in, detach pulls it. Without one, its port is shown.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string?> _system = RunningSystems.SystemOption();
    private static readonly Option<bool> _json = new("--json") { Description = "Print its port in JSON: addresses, link, firewall, what its domain counted." };

    public static Command Create()
    {
        var command = new Command("net", "Show a qube's port at its net domain, or plug its cable in or pull it.\n\n" +
            "The guest sees its link go down and up. It holds until it is changed or the system ends, also where the net domain is started again; connections wait for as long as their ends do.")
        {
            _qube, _action, _system, _json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(_action) is { } action and not (Attach or Detach))
            {
                result.AddError($"found the action '{action}', expected {Attach} or {Detach}{NearestName.Hint(action, [Attach, Detach])}");
            }
        });
        command.SetAction(async (result, _) =>
        {
            (PortStatus port, string socket) = await RunningSystems.PortAsync(result.GetRequiredValue(_qube), result.GetValue(_system)).ConfigureAwait(false);
            if (result.GetValue(_action) is { } action)
            {
                await ControlClient.SetLinkAsync(socket, port.Client, action == Attach).ConfigureAwait(false);
                port = port with { Attached = action == Attach };
            }

            TextWriter output = result.InvocationConfiguration.Output;
            output.WriteLine(result.GetValue(_json) ? JsonSerializer.Serialize(port, PortStatusJson.Default.PortStatus) : Describe(port));
            return ExitCode.Success;
        });
        return command;
    }

    private static string Describe(PortStatus port) =>
        $"{port.Client}: {(port.Attached ? "attached to" : "detached from")} {port.Domain}, {port.Ip}, {port.Ip6}, {port.Mac}";
}
