using System.Text.Json.Serialization;

namespace Makatea.Views;

/// <summary>A rule of a qube's firewall, as <c>makatea firewall --json</c> shows it.</summary>
/// <param name="Number">Its number, from 0.</param>
/// <param name="Rule">The rule, as Qubes writes it.</param>
internal sealed record FirewallRuleReport(int Number, string Rule);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(IReadOnlyList<FirewallRuleReport>))]
internal sealed partial class FirewallRuleReportJson : JsonSerializerContext;
