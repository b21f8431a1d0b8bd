using System.Buffers;
using System.Globalization;
using System.Text;

namespace Makatea.NetStack;

/// <summary>Rules as text: <c>key=value</c>, parted by a space, a comment last, as <c>qvm-firewall --raw</c> and Qubes' admin API have them.</summary>
internal static class FirewallRuleText
{
    private const string Keys = "action, dsthost, dst4, dst6, dstname, proto, specialtarget, dstports, icmptype, expire, comment";
    private const int MaxLength = 1024;
    private const int MaxName = 253;
    private static readonly SearchValues<char> _commentCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:;,./-_[] ");
    private static readonly SearchValues<char> _nameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-._");

    internal static FirewallRule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength)
        {
            throw Bad("rule", $"{text.Length} characters", $"at most {MaxLength}");
        }

        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        string rest = text.Trim();
        while (rest.Length > 0)
        {
            // A comment may hold spaces, and so is the last.
            int space = rest.StartsWith("comment=", StringComparison.Ordinal) ? -1 : rest.IndexOf(' ');
            string field = space < 0 ? rest : rest[..space];
            rest = space < 0 ? "" : rest[space..].TrimStart(' ');
            int equals = field.IndexOf('=');
            string key = equals < 0 ? field : field[..equals];
            if (equals < 0 || !KeyOf(ref key))
            {
                throw Bad("rule", field, $"key=value with one of {Keys}");
            }

            if (!fields.TryAdd(key, field[(field.IndexOf('=') + 1)..]))
            {
                throw Bad(key, "it twice", "one (dsthost, dst4, dst6 and dstname are the same)");
            }
        }

        return ToRule(fields);
    }

    internal static string Print(FirewallRule rule)
    {
        var text = new StringBuilder("action=").Append(rule.Action == FirewallAction.Accept ? "accept" : "drop");
        if (rule.Network is IpPrefix network)
        {
            Append(text, network.Address.IsIPv4 ? "dst4" : "dst6", network.ToString());
        }

        Append(text, "dsthost", rule.Name);
        Append(text, "proto", rule.Protocol == FirewallProtocol.Any ? null : Enum.GetName(rule.Protocol)!.ToLowerInvariant());
        Append(text, "specialtarget", rule.IsDns ? "dns" : null);
        Append(text, "dstports", rule.Ports is (ushort first, ushort last) ? string.Create(CultureInfo.InvariantCulture, $"{first}-{last}") : null);
        Append(text, "icmptype", rule.IcmpType?.ToString(CultureInfo.InvariantCulture));
        Append(text, "expire", rule.Expire?.ToString(CultureInfo.InvariantCulture));
        Append(text, "comment", rule.Comment);
        return text.ToString();
    }

    /// <summary>Names one thing one way.</summary>
    private static bool KeyOf(ref string key)
    {
        key = key is "dst4" or "dst6" or "dstname" ? "dsthost" : key;
        return key is "action" or "dsthost" or "proto" or "specialtarget" or "dstports" or "icmptype" or "expire" or "comment";
    }

    private static FirewallRule ToRule(Dictionary<string, string> fields)
    {
        string? Field(string key) => fields.GetValueOrDefault(key);

        FirewallProtocol protocol = Field("proto") switch
        {
            null => FirewallProtocol.Any,
            "tcp" => FirewallProtocol.Tcp,
            "udp" => FirewallProtocol.Udp,
            "icmp" => FirewallProtocol.Icmp,
            "icmp6" => FirewallProtocol.Icmp6,
            string other => throw Bad("proto", other, "tcp, udp, icmp or icmp6"),
        };
        (IpPrefix? network, string? name) = Field("dsthost") is string host ? ParseHost(host) : (null, null);
        if (Field("dstports") is not null && protocol is not (FirewallProtocol.Tcp or FirewallProtocol.Udp))
        {
            throw Bad("dstports", $"it with proto={Field("proto") ?? "(none)"}", "it with proto=tcp and proto=udp");
        }

        if (Field("icmptype") is not null && protocol is not (FirewallProtocol.Icmp or FirewallProtocol.Icmp6))
        {
            throw Bad("icmptype", $"it with proto={Field("proto") ?? "(none)"}", "it with proto=icmp and proto=icmp6");
        }

        return new()
        {
            Action = Field("action") switch
            {
                "accept" => FirewallAction.Accept,
                "drop" => FirewallAction.Drop,
                string other => throw Bad("action", other, "accept or drop"),
                null => throw Bad("action", "none", "accept or drop"),
            },
            Network = network,
            Name = name,
            Protocol = protocol,
            Ports = Field("dstports") is string ports ? ParsePorts(ports) : null,
            IcmpType = Field("icmptype") is string type ? (byte)ParseNumber("icmptype", type, byte.MaxValue) : null,
            IsDns = Field("specialtarget") switch { null => false, "dns" => true, string other => throw Bad("specialtarget", other, "dns") },
            Expire = Field("expire") is string expire ? ParseNumber("expire", expire, DateTimeOffset.MaxValue.ToUnixTimeSeconds()) : null,
            Comment = Field("comment") is not { Length: > 0 } comment ? null
                : comment.AsSpan().ContainsAnyExcept(_commentCharacters) ? throw Bad("comment", comment, "letters, digits, spaces and :;,./-_[]") : comment,
        };
    }

    private static (IpPrefix? Network, string? Name) ParseHost(string host)
    {
        int slash = host.IndexOf('/');
        if (IpAddress.TryParse(slash < 0 ? host : host[..slash], out IpAddress address))
        {
            int most = address.IsIPv4 ? 32 : 128;
            return (new IpPrefix(address, slash < 0 ? most : (int)ParseNumber("dsthost", host[(slash + 1)..], most)), null);
        }

        // A name whose last label is a number is an address with a mistake in it ([RFC 1123] 2.1).
        string last = host[(host.TrimEnd('.').LastIndexOf('.') + 1)..].TrimEnd('.');
        bool isName = host.Length is > 0 and <= MaxName && last.Length > 0 && !host.AsSpan().ContainsAnyExcept(_nameCharacters)
            && last.AsSpan().ContainsAnyExceptInRange('0', '9') && host.TrimEnd('.').Split('.').All(label => label.Length is > 0 and <= 63);
        return isName ? (null, host.TrimEnd('.')) : throw Bad("dsthost", host, "an address, a network such as 10.0.0.0/8 or fd09::/64, or a name of a-z, 0-9, -, _ and .");
    }

    private static (ushort First, ushort Last) ParsePorts(string ports)
    {
        int dash = ports.IndexOf('-');
        long first = ParseNumber("dstports", dash < 0 ? ports : ports[..dash], ushort.MaxValue);
        long last = dash < 0 ? first : ParseNumber("dstports", ports[(dash + 1)..], ushort.MaxValue);
        return first <= last ? ((ushort)first, (ushort)last) : throw Bad("dstports", ports, "a port or first-last, the first not behind the last");
    }

    private static long ParseNumber(string key, string text, long most) =>
        text.Length > 0 && text.All(char.IsAsciiDigit) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value <= most
            ? value
            : throw Bad(key, text, string.Create(CultureInfo.InvariantCulture, $"0 to {most}"));

    private static void Append(StringBuilder text, string key, string? value)
    {
        if (value is not null)
        {
            text.Append(' ').Append(key).Append('=').Append(value);
        }
    }

    private static FormatException Bad(string key, string seen, string allowed) => new($"firewall rule, {key}: found {seen}, allowed is {allowed}");
}
