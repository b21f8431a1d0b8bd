using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>Reads the options of one device of a manifest; each that is there has to be asked for.</summary>
internal sealed class OptionReader(ManifestDevice device)
{
    private const char Separator = ' ';
    private readonly HashSet<string> _known = [];

    public string? Text(string name)
    {
        _known.Add(name);
        return device.Options.GetValueOrDefault(name);
    }

    public string Required(string name, string expected) => Text(name) ?? throw new ArgumentException($"device '{device.Name}': option '{name}' is missing, expected {expected}");

    public long Whole(string name, long least, long most, long otherwise)
    {
        if (Text(name) is not { } text)
        {
            return otherwise;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value >= least && value <= most
            ? value
            : throw Wrong(name, text, $"a whole number from {least} to {most}");
    }

    public IpAddress? Address(string name, bool isIPv4)
    {
        string expected = isIPv4 ? "an IPv4 address" : "an IPv6 address";
        return Text(name) is not { } text ? null
            : IpAddress.TryParse(text, out IpAddress address) && address.IsIPv4 == isIPv4 ? address
            : throw Wrong(name, text, expected);
    }

    public MacAddress? Mac(string name) => Text(name) is not { } text ? null
        : MacAddress.TryParse(text, out MacAddress address) && !address.IsMulticast && address.Value != 0 ? address
        : throw Wrong(name, text, "the Ethernet address of one station");

    /// <summary>An address and the length of its network.</summary>
    public (IpAddress Address, int Length)? Network(string name, bool isIPv4)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        string[] parts = text.Split('/');
        return parts.Length == 2 && IpAddress.TryParse(parts[0], out IpAddress address) && address.IsIPv4 == isIPv4
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= (isIPv4 ? 32 : 128)
            ? (address, length)
            : throw Wrong(name, text, $"an {(isIPv4 ? "IPv4" : "IPv6")} address, '/' and the length of its network");
    }

    public IReadOnlyList<T> List<T>(string name, Func<string, T?> parse, string expected)
        where T : struct
    {
        var items = new List<T>();
        foreach (string text in (Text(name) ?? "").Split(Separator, StringSplitOptions.RemoveEmptyEntries))
        {
            items.Add(parse(text) ?? throw Wrong(name, text, expected));
        }

        return items;
    }

    /// <summary>Refuses options that nobody asked for.</summary>
    public void Finish()
    {
        string[] unknown = [.. device.Options.Keys.Where(k => !_known.Contains(k))];
        if (unknown.Length != 0)
        {
            var known = new List<string>(_known);
            known.Sort(StringComparer.Ordinal);
            throw new ArgumentException($"device '{device.Name}': found the option '{unknown[0]}'{NearestName.Hint(unknown[0], _known)}; there are {string.Join(", ", known)}");
        }
    }

    public ArgumentException Wrong(string name, string found, string expected) => new($"device '{device.Name}': option '{name}': found '{found}', expected {expected}");

    /// <summary>Writes a list as <see cref="List"/> reads it.</summary>
    public static string Join<T>(IEnumerable<T> items) => string.Join(Separator, items);
}
