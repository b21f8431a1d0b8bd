using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>What an uplink's port is made of.</summary>
public enum UplinkKind
{
    /// <summary>A network interface of the host: a grant of type <see cref="GrantType.Port"/>.</summary>
    Interface,

    /// <summary>An adapter that the domain drives: a grant of type <see cref="GrantType.Function"/>, or a channel to a server of the function.</summary>
    Adapter,

    /// <summary>Another net domain, of which this one is a client: a channel to its vhost-user device.</summary>
    NetDomain,
}

/// <summary>
/// How a net domain reaches the world: a device of its manifest with the backend <c>uplink-interface</c>, <c>uplink-adapter</c> or <c>uplink-net</c>, whose channel names the grant.
/// </summary>
public sealed record UplinkOptions
{
    private const string Prefix = "uplink-";

    /// <summary>What it is made of.</summary>
    public required UplinkKind Kind { get; init; }

    /// <summary>Name of the grant.</summary>
    public required string Grant { get; init; }

    /// <summary>Its own Ethernet address; null for the port's.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Its IPv4 address and the length of its network; null for DHCP.</summary>
    public (IpAddress Address, int Length)? Address4 { get; init; }

    /// <summary>The router of the IPv4 network.</summary>
    public IpAddress? Gateway4 { get; init; }

    /// <summary>Its IPv6 address and the length of its network; null for what routers advertise.</summary>
    public (IpAddress Address, int Length)? Address6 { get; init; }

    /// <summary>The router of the IPv6 network.</summary>
    public IpAddress? Gateway6 { get; init; }

    /// <summary>Servers for names; none for those that DHCP tells of.</summary>
    public IReadOnlyList<IpAddress> NameServers { get; init; } = [];

    /// <summary>Whether a device of a manifest is an uplink.</summary>
    public static bool IsUplink(ManifestDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Backend.StartsWith(Prefix, StringComparison.Ordinal);
    }

    /// <summary>Reads it out of a manifest.</summary>
    /// <exception cref="ArgumentException">An option is missing, unknown or wrong; the message names it.</exception>
    public static UplinkOptions Read(ManifestDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var reader = new OptionReader(device);
        UplinkKind[] kinds = Enum.GetValues<UplinkKind>();
        int kind = Array.FindIndex(kinds, k => Backend(k) == device.Backend);
        var options = new UplinkOptions
        {
            Kind = kind >= 0 ? kinds[kind] : throw new ArgumentException($"device '{device.Name}': found the backend '{device.Backend}', expected {string.Join(", ", kinds.Select(Backend))}"),
            Grant = device.Channel,
            Mac = reader.Mac("mac"),
            Address4 = reader.Network("address", isIPv4: true),
            Gateway4 = reader.Address("gateway", isIPv4: true),
            Address6 = reader.Network("address6", isIPv4: false),
            Gateway6 = reader.Address("gateway6", isIPv4: false),
            NameServers = reader.List<IpAddress>("dns", t => IpAddress.TryParse(t, out IpAddress a) ? a : null, "IP addresses"),
        };
        reader.Finish();
        return options;
    }

    /// <summary>As a device of a manifest.</summary>
    public ManifestDevice ToDevice(string name)
    {
        var options = new Dictionary<string, string>();
        Add("mac", Mac?.ToString());
        Add("address", Text(Address4));
        Add("gateway", Gateway4?.ToString());
        Add("address6", Text(Address6));
        Add("gateway6", Gateway6?.ToString());
        Add("dns", NameServers.Count == 0 ? null : OptionReader.Join(NameServers));
        return new ManifestDevice(name, Backend(Kind), Grant, options);

        void Add(string option, string? value)
        {
            if (value is not null)
            {
                options.Add(option, value);
            }
        }
    }

    private static string Backend(UplinkKind kind) => Prefix + kind switch
    {
        UplinkKind.Interface => "interface",
        UplinkKind.Adapter => "adapter",
        _ => "net",
    };

    private static string? Text((IpAddress Address, int Length)? network) =>
        network is { } n ? string.Create(CultureInfo.InvariantCulture, $"{n.Address}/{n.Length}") : null;
}
