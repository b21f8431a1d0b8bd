using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.NetStack;
using Makatea.Running;
using Makatea.Systems;
using Makatea.Views;
using Spectre.Console;

namespace Makatea.Commands;

/// <summary><c>makatea firewall QUBE [list|add|del|reset]</c>: a qube's firewall, in the way of Qubes' <c>qvm-firewall</c>.</summary>
internal static class FirewallCommand
{
    private const string Help = """
        Show or change what a qube may reach, as Qubes' qvm-firewall does.

          makatea firewall work                                         its rules; the first that matches decides
          makatea firewall work add accept dsthost=example.com proto=tcp dstports=443
          makatea firewall work add --before 0 drop dst4=192.168.0.0/16
          makatea firewall work del 2                                   by number, or by the rule itself
          makatea firewall work reset                                   those of the system file again

        A rule is 'accept' or 'drop', then what has to fit: dsthost=ADDRESS, NETWORK or NAME (dst4, dst6 and dstname are the same), proto=tcp|udp|icmp|icmp6,
        dstports=PORT or FIRST-LAST, icmptype=N, specialtarget=dns, expire=SECONDS of UNIX time, and last comment=TEXT. What no rule fits is dropped. A qube without
        rules has one, 'accept', which lets it out. Another qube is reached only by a rule that accepts and names its address alone.

        Changes hold at once. Connections that the new rules allow go on, others end. They last until the system ends, also where the net domain is started again;
        what is to stay belongs into the system file.
        """;

    private static readonly string[] _actions = ["list", "add", "del", "reset"];

    private static readonly Argument<string> _qube = new("QUBE") { Description = "Name of the qube." };
    private static readonly Argument<string?> _action = new("ACTION") { Description = "list, add, del or reset; by default list.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Argument<string[]> _rule = new("RULE") { Description = "For add: the rule. For del: its number, or the rule.", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<int?> _before = new("--before") { Description = "For add: put the rule before that one; by default it is the last.", HelpName = "NUMBER" };
    private static readonly Option<string?> _system = RunningSystems.SystemOption();
    private static readonly Option<bool> _json = new("--json") { Description = "Print the rules in JSON." };

    public static Command Create()
    {
        var command = new Command("firewall", Help) { _qube, _action, _rule, _before, _system, _json };
        command.Validators.Add(Validate);
        command.SetAction(async (result, _) =>
        {
            (PortStatus port, string socket) = await RunningSystems.PortAsync(result.GetRequiredValue(_qube), result.GetValue(_system)).ConfigureAwait(false);
            IReadOnlyList<string> rules = await ControlClient.FirewallAsync(socket, Request(result, port.Client)).ConfigureAwait(false);
            Print(rules, result.GetValue(_json), result.InvocationConfiguration.Output);
            if (ActionOf(result.CommandResult) == "add" && Unreachable(rules) is { } note)
            {
                await result.InvocationConfiguration.Error.WriteLineAsync(note).ConfigureAwait(false);
            }

            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>What is wrong can be said before a system is looked for.</summary>
    private static void Validate(CommandResult command)
    {
        string action = ActionOf(command);
        string rule = string.Join(' ', command.GetValue(_rule) ?? []);
        if (!_actions.Contains(action))
        {
            command.AddError($"found the action '{action}', expected {Phrase.OneOf(_actions)}{NearestName.Hint(action, _actions)}");
        }
        else if (action is "list" or "reset" && rule.Length != 0)
        {
            command.AddError($"found '{rule}' behind {action}, expected nothing");
        }
        else if (action is "add" or "del" && rule.Length == 0)
        {
            command.AddError($"found no rule to {action}, expected one such as '{FirewallRules.Example}'{(action == "del" ? ", or its number" : "")}");
        }
        else if (action is "add" or "del" && !(action == "del" && IsNumber(rule)) && !FirewallRules.TryParse(rule, out FirewallRule? _, out string? error))
        {
            command.AddError(error);
        }

        if (action != "add" && command.GetResult(_before) is { Implicit: false })
        {
            command.AddError($"found --before with {action}, expected it with add");
        }
    }

    private static JsonObject Request(ParseResult result, string qube)
    {
        string rule = string.Join(' ', result.GetValue(_rule) ?? []);
        var request = new JsonObject { ["command"] = "firewall", ["qube"] = qube, ["action"] = ActionOf(result.CommandResult) };
        if (IsNumber(rule))
        {
            request["number"] = int.Parse(rule, CultureInfo.InvariantCulture);
        }
        else if (rule.Length != 0)
        {
            request["rule"] = rule;
        }

        if (result.GetValue(_before) is { } before)
        {
            request["before"] = before;
        }

        return request;
    }

    private static string ActionOf(CommandResult command) => command.GetValue(_action) ?? "list";

    private static bool IsNumber(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static void Print(IReadOnlyList<string> rules, bool asJson, TextWriter output)
    {
        if (asJson)
        {
            IReadOnlyList<FirewallRuleReport> reports = [.. rules.Select((r, i) => new FirewallRuleReport(i, r))];
            output.WriteLine(JsonSerializer.Serialize(reports, FirewallRuleReportJson.Default.IReadOnlyListFirewallRuleReport));
        }
        else if (rules.Count == 0)
        {
            output.WriteLine("no rules: everything is dropped");
        }
        else
        {
            Table table = new Table().RoundedBorder().BorderColor(Color.Grey).AddColumn("no", c => c.RightAligned()).AddColumn("rule");
            rules.Select((r, i) => (Rule: FirewallRules.Display(r), Number: i)).ToList()
                .ForEach(r => table.AddRow(r.Number.ToString(CultureInfo.InvariantCulture), Markup.Escape(r.Rule)));
            StatusTable.ConsoleFor(output).Write(table);
        }
    }

    /// <summary>Behind a rule for everything, rules do nothing.</summary>
    private static string? Unreachable(IReadOnlyList<string> rules)
    {
        int all = rules.ToList().FindIndex(r => FirewallRule.Parse(r) is { Network: null, Name: null, Protocol: FirewallProtocol.Any, IsDns: false, Expire: null });
        return all < 0 || all == rules.Count - 1
            ? null
            : $"note: rule {all}, '{FirewallRules.Display(rules[all])}', decides about everything but other qubes, so rules behind it do nothing more; delete it, or add rules with --before {all}";
    }
}
