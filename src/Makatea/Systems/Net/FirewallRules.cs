using System.Diagnostics.CodeAnalysis;
using Makatea.NetStack;

namespace Makatea.Systems;

/// <summary>
/// Rules of qubes' firewalls as users write them: as Qubes' <c>qvm-firewall</c> takes them, <c>accept dsthost=example.com proto=tcp dstports=443</c>, where <c>action=accept</c> is
/// the same as <c>accept</c>. <see cref="FirewallRule"/> has the terms.
/// </summary>
internal static class FirewallRules
{
    /// <summary>What one looks like, for messages.</summary>
    public const string Example = "accept dsthost=example.com proto=tcp dstports=443";

    private const string Action = "action=";
    private static readonly string[] _keys = ["action", "dsthost", "dst4", "dst6", "dstname", "proto", "specialtarget", "dstports", "icmptype", "expire", "comment"];

    /// <summary>Reads a rule.</summary>
    /// <param name="written">As written.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="error">What is wrong with it, what is allowed, and what was perhaps meant; null where nothing is.</param>
    public static bool TryParse(string written, [NotNullWhen(true)] out FirewallRule? rule, [NotNullWhen(false)] out string? error)
    {
        string text = written.Trim();
        string first = text.Split(' ')[0];
        if (first is "accept" or "drop")
        {
            text = Action + text;
        }

        try
        {
            rule = FirewallRule.Parse(text);
            error = null;
            return true;
        }
        catch (FormatException e)
        {
            rule = null;
            error = e.Message + Hint(first, text);
            return false;
        }
    }

    /// <summary>As it is shown: what it does comes first, by itself.</summary>
    public static string Display(string rule) => rule.StartsWith(Action, StringComparison.Ordinal) ? rule[Action.Length..] : rule;

    private static string Hint(string first, string text)
    {
        if (first is not ("accept" or "drop") && !first.Contains('='))
        {
            return NearestName.Hint(first, ["accept", "drop"]);
        }

        int comment = text.IndexOf("comment=", StringComparison.Ordinal);
        string? unknown = (comment < 0 ? text : text[..comment]).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(f => f.Split('=')[0]).FirstOrDefault(k => !_keys.Contains(k));
        return unknown is null ? "" : NearestName.Hint(unknown, _keys);
    }
}
