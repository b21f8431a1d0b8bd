using System.Globalization;
using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.NetStack;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>
/// What commands ask the manager of the network. <c>{"command":"firewall","qube":Q,"action":A}</c>, A being <c>list</c>, <c>add</c> (with a <c>"rule"</c> and, to put it before another, that
/// one's number as <c>"before"</c>), <c>del</c> (with a <c>"number"</c> or a <c>"rule"</c>) or <c>reset</c>, is answered with <c>{"rules":[...]}</c>, those that hold then.
/// <c>{"command":"net","qube":Q,"attached":true}</c> is answered with an empty object. Rules are numbered from 0.
/// </summary>
internal static class NetRequests
{
    /// <summary>Answers a request about a firewall.</summary>
    /// <exception cref="CommandException">It cannot be done; the message says why.</exception>
    public static async Task<JsonObject> FirewallAsync(NetControl net, JsonNode request)
    {
        string qube = Text(request, "qube");
        IReadOnlyList<string> rules = request["action"]?.GetValue<string>() switch
        {
            "list" => net.RulesOf(qube),
            "add" => await net.ChangeRulesAsync(qube, Add(Text(request, "rule"), request["before"]?.GetValue<int>())).ConfigureAwait(false),
            "del" when request["number"]?.GetValue<int>() is { } number => await net.ChangeRulesAsync(qube, r => Delete(r, number)).ConfigureAwait(false),
            "del" => await net.ChangeRulesAsync(qube, Delete(Text(request, "rule"))).ConfigureAwait(false),
            "reset" => await net.ChangeRulesAsync(qube, null).ConfigureAwait(false),
            _ => throw new CommandException("found no known action, expected list, add, del or reset"),
        };
        return new JsonObject { ["rules"] = new JsonArray([.. rules.Select(r => JsonValue.Create(r))]) };
    }

    /// <summary>Answers a request about a link.</summary>
    /// <exception cref="CommandException">It cannot be done; the message says why.</exception>
    public static async Task<JsonObject> LinkAsync(NetControl net, JsonNode request)
    {
        bool isAttached = request["attached"]?.GetValue<bool>() ?? throw new CommandException("found no 'attached', expected true or false");
        await net.SetLinkAsync(Text(request, "qube"), isAttached).ConfigureAwait(false);
        return [];
    }

    private static string Text(JsonNode request, string name) => request[name]?.GetValue<string>() ?? throw new CommandException($"found no '{name}', expected text");

    private static Func<IReadOnlyList<string>, IReadOnlyList<string>> Add(string written, int? before)
    {
        string rule = Parse(written);
        return rules =>
        {
            if (rules.Count >= FirewallRuleSet.MaxRules)
            {
                throw new CommandException($"the firewall has {rules.Count} rules, and more are not possible; delete some");
            }

            int at = before ?? rules.Count;
            return at >= 0 && at <= rules.Count ? [.. rules.Take(at), rule, .. rules.Skip(at)] : throw NoRule(at, rules.Count);
        };
    }

    private static Func<IReadOnlyList<string>, IReadOnlyList<string>> Delete(string written)
    {
        string rule = Parse(written);
        return rules =>
        {
            int at = rules.ToList().IndexOf(rule);
            return at >= 0 ? Delete(rules, at) : throw new CommandException($"found no rule '{FirewallRules.Display(rule)}'; 'list' shows those that there are");
        };
    }

    private static IReadOnlyList<string> Delete(IReadOnlyList<string> rules, int at) =>
        at >= 0 && at < rules.Count ? [.. rules.Take(at), .. rules.Skip(at + 1)] : throw NoRule(at, rules.Count);

    private static string Parse(string written) =>
        FirewallRules.TryParse(written, out FirewallRule? rule, out string? error) ? rule.ToString() : throw new CommandException(error);

    private static CommandException NoRule(int number, int count) => new(string.Create(
        CultureInfo.InvariantCulture, $"found the number {number}, but {(count == 0 ? "there are no rules" : $"the rules have the numbers 0 to {count - 1}")}"));
}
