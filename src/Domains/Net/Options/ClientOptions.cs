using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>
/// A client of a net domain, a qube or another net domain: a device of its manifest with the backend <c>virtio-net</c>, whose channel is the listener that its front end comes to.
/// </summary>
public sealed record ClientOptions
{
    /// <summary>The backend.</summary>
    public const string Backend = "virtio-net";

    private const char RuleSeparator = '\n';

    /// <summary>Its name, for logs, metrics and messages.</summary>
    public required string Name { get; init; }

    /// <summary>Name of the grant that is its listener.</summary>
    public required string Listener { get; init; }

    /// <summary>Its Ethernet address, the only one that it may send from.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>Its IPv4 address, the only one that it may send from; null for none.</summary>
    public IpAddress? Address4 { get; init; }

    /// <summary>Its IPv6 address; null for none.</summary>
    public IpAddress? Address6 { get; init; }

    /// <summary>Largest packet in bytes.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Pairs of virtqueues.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>How much may pass.</summary>
    public PortRateLimits Limits { get; init; } = new();

    /// <summary>Most connections of it at a time; null for its fair share.</summary>
    public int? Connections { get; init; }

    /// <summary>Its firewall, a rule a line, in Qubes' terms; null for none, which lets it out and nobody in.</summary>
    public IReadOnlyList<string>? Rules { get; init; }

    /// <summary>Ports of the uplink's address that lead to it.</summary>
    public IReadOnlyList<PublishedService> Published { get; init; } = [];

    /// <summary>Its link is up from the start.</summary>
    public bool IsAttached { get; init; } = true;

    /// <summary>Reads it out of a manifest.</summary>
    /// <exception cref="ArgumentException">An option is missing, unknown or wrong; the message names it.</exception>
    public static ClientOptions Read(ManifestDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var reader = new OptionReader(device);
        long bytes = reader.Whole("bps", 1, long.MaxValue, 0);
        long packets = reader.Whole("pps", 1, long.MaxValue, 0);
        long connections = reader.Whole("connections", 1, int.MaxValue, 0);
        string? rules = reader.Text("firewall");
        string attached = reader.Text("attached") ?? "true";
        var options = new ClientOptions
        {
            Name = device.Name,
            Listener = device.Channel,
            Mac = reader.Mac("mac") ?? throw new ArgumentException($"device '{device.Name}': option 'mac' is missing, expected the Ethernet address of one station"),
            Address4 = reader.Address("ip", isIPv4: true),
            Address6 = reader.Address("ip6", isIPv4: false),
            Mtu = (int)reader.Whole("mtu", 1280, 9216, 1500),
            Queues = (int)reader.Whole("queues", 1, 16, 1),
            Limits = new PortRateLimits
            {
                BytesPerSecond = bytes == 0 ? null : bytes,
                PacketsPerSecond = packets == 0 ? null : packets,
                BurstMilliseconds = reader.Whole("burst", 1, 60_000, 100),
            },
            Connections = connections == 0 ? null : (int)connections,
            Rules = rules?.Split(RuleSeparator, StringSplitOptions.RemoveEmptyEntries),
            Published = reader.List<PublishedService>("publish", t => PublishedService.TryParse(t, out PublishedService p) ? p : null, "ports such as tcp:8080:80"),
            IsAttached = attached is "true" or "false" ? attached == "true" : throw reader.Wrong("attached", attached, "true or false"),
        };
        reader.Finish();
        return options;
    }

    /// <summary>As a device of a manifest.</summary>
    /// <exception cref="ArgumentException">A rule has several lines.</exception>
    public ManifestDevice ToDevice()
    {
        if (Rules?.FirstOrDefault(r => r.Contains(RuleSeparator, StringComparison.Ordinal)) is { } broken)
        {
            throw new ArgumentException($"device '{Name}': the rule '{broken}' has several lines");
        }

        var options = new Dictionary<string, string>
        {
            ["mac"] = Mac.ToString(),
            ["mtu"] = Text(Mtu),
            ["queues"] = Text(Queues),
            ["burst"] = Text(Limits.BurstMilliseconds),
            ["attached"] = IsAttached ? "true" : "false",
        };
        Add("ip", Address4?.ToString());
        Add("ip6", Address6?.ToString());
        Add("bps", Limits.BytesPerSecond is { } bytes ? Text(bytes) : null);
        Add("pps", Limits.PacketsPerSecond is { } packets ? Text(packets) : null);
        Add("connections", Connections is { } connections ? Text(connections) : null);
        Add("firewall", Rules is null ? null : string.Join(RuleSeparator, Rules));
        Add("publish", Published.Count == 0 ? null : OptionReader.Join(Published));
        return new ManifestDevice(Name, Backend, Listener, options);

        void Add(string option, string? value)
        {
            if (value is not null)
            {
                options.Add(option, value);
            }
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
