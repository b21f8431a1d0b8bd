using Makatea.NetStack;

namespace Makatea.Domains.Net;

/// <summary>Reads the firewall of a client.</summary>
internal static class ClientRules
{
    /// <summary>Where nothing is said: out to everywhere, as in Qubes. Nobody comes in.</summary>
    private static readonly FirewallRule[] _default = [new FirewallRule { Action = FirewallAction.Accept }];

    /// <summary>Reads it.</summary>
    /// <exception cref="ArgumentException">A rule is wrong; the message says which and how.</exception>
    public static IReadOnlyList<FirewallRule> Parse(string client, IReadOnlyList<string>? rules)
    {
        if (rules is null)
        {
            return _default;
        }

        if (rules.Count > FirewallRuleSet.MaxRules)
        {
            throw new ArgumentException($"'{client}' has {rules.Count} firewall rules, expected {FirewallRuleSet.MaxRules} at most");
        }

        var parsed = new FirewallRule[rules.Count];
        for (int i = 0; i < parsed.Length; i++)
        {
            try
            {
                parsed[i] = FirewallRule.Parse(rules[i]);
            }
            catch (FormatException e)
            {
                throw new ArgumentException($"rule {i + 1} of '{client}', '{rules[i]}': {e.Message}", e);
            }
        }

        return parsed;
    }
}
