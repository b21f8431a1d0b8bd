using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>All that a net domain is told by its manifest: its uplink, its clients, and itself (a device with the backend <c>net</c>, whose channel is the grant of its tables' memory).</summary>
public sealed record NetDomainOptions
{
    /// <summary>Kind of the component.</summary>
    public const string Kind = "net";

    /// <summary>Backend of the device that describes the domain itself.</summary>
    public const string Backend = "net";

    /// <summary>Ethernet address of a net domain towards its clients, as in Qubes.</summary>
    public static readonly MacAddress DefaultMac = new(0xfeff_ffff_ffff);

    /// <summary>Its address towards its clients; it is their router.</summary>
    public required IpAddress Address4 { get; init; }

    /// <summary>Its IPv6 address towards its clients.</summary>
    public required IpAddress Address6 { get; init; }

    /// <summary>Its Ethernet address towards its clients.</summary>
    public MacAddress Mac { get; init; } = DefaultMac;

    /// <summary>Addresses at which it answers its clients' questions for names, besides its own.</summary>
    public IReadOnlyList<IpAddress> NameServers { get; init; } = [IpAddress.FromIPv4(0x0a8b_0101), IpAddress.FromIPv4(0x0a8b_0102)];

    /// <summary>Name of the grant of the memory that keeps its connections over a restart.</summary>
    public required string Connections { get; init; }

    /// <summary>Most connections at a time.</summary>
    public int ConnectionLimit { get; init; } = 65536;

    /// <summary>Bytes of memory that <see cref="Connections"/> has to have.</summary>
    public ulong ConnectionsLength => (ulong)ConnectionTracker.MemoryFor(ConnectionLimit);

    /// <summary>Buffers for frames.</summary>
    public int Buffers { get; init; } = 16384;

    /// <summary>Name of the grant of the memory for them; null for memory that the domain makes itself, which not every host lets an adapter reach.</summary>
    public string? Frames { get; init; }

    /// <summary>Bytes of memory that <see cref="Frames"/> has to have.</summary>
    public ulong FramesLength => (ulong)Buffers * FramePool.BufferLength;

    /// <summary>Its uplink; null for none, such as one that is not there yet.</summary>
    public UplinkOptions? Uplink { get; init; }

    /// <summary>Its clients.</summary>
    public IReadOnlyList<ClientOptions> Clients { get; init; } = [];

    /// <summary>Reads them out of a manifest.</summary>
    /// <exception cref="ArgumentException">A device or option is missing, unknown or wrong; the message names it.</exception>
    public static NetDomainOptions Read(ComponentManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ManifestDevice own = manifest.Devices.FirstOrDefault(d => d.Backend == Backend)
            ?? throw new ArgumentException($"component '{manifest.Name}' has no device with the backend '{Backend}', which a net domain describes itself with");
        ManifestDevice[] uplinks = [.. manifest.Devices.Where(UplinkOptions.IsUplink)];
        if (uplinks.Length > 1)
        {
            throw new ArgumentException($"component '{manifest.Name}' has {uplinks.Length} uplinks, expected one");
        }

        if (manifest.Devices.FirstOrDefault(d => d != own && d.Backend != ClientOptions.Backend && !UplinkOptions.IsUplink(d)) is { } other)
        {
            throw new ArgumentException($"device '{other.Name}': found the backend '{other.Backend}', expected {ClientOptions.Backend}, {Backend} or an uplink's");
        }

        var reader = new OptionReader(own);
        reader.Required("ip", "an IPv4 address");
        reader.Required("ip6", "an IPv6 address");
        var options = new NetDomainOptions
        {
            Address4 = reader.Address("ip", isIPv4: true)!.Value,
            Address6 = reader.Address("ip6", isIPv4: false)!.Value,
            Mac = reader.Mac("mac") ?? DefaultMac,
            NameServers = reader.List<IpAddress>("dns", t => IpAddress.TryParse(t, out IpAddress a) ? a : null, "IP addresses"),
            Connections = own.Channel,
            ConnectionLimit = (int)reader.Whole("connections", 64, 1 << 22, 65536),
            Buffers = (int)reader.Whole("buffers", 1024, 1 << 20, 16384),
            Frames = reader.Text("frames"),
            Uplink = uplinks.Length == 0 ? null : UplinkOptions.Read(uplinks[0]),
            Clients = [.. manifest.Devices.Where(d => d.Backend == ClientOptions.Backend).Select(ClientOptions.Read)],
        };
        reader.Finish();
        CheckClients(options.Clients);
        return options;
    }

    /// <summary>As devices of a manifest.</summary>
    public IReadOnlyList<ManifestDevice> ToDevices()
    {
        var options = new Dictionary<string, string>
        {
            ["ip"] = Address4.ToString(),
            ["ip6"] = Address6.ToString(),
            ["mac"] = Mac.ToString(),
            ["dns"] = OptionReader.Join(NameServers),
            ["connections"] = ConnectionLimit.ToString(CultureInfo.InvariantCulture),
            ["buffers"] = Buffers.ToString(CultureInfo.InvariantCulture),
        };
        if (Frames is not null)
        {
            options.Add("frames", Frames);
        }

        return [new ManifestDevice(Kind, Backend, Connections, options), .. Uplink is null ? Array.Empty<ManifestDevice>() : [Uplink.ToDevice("uplink")], .. Clients.Select(c => c.ToDevice())];
    }

    /// <summary>No two clients can be taken for each other.</summary>
    private static void CheckClients(IReadOnlyList<ClientOptions> clients)
    {
        var addresses = new Dictionary<IpAddress, string>();
        foreach (ClientOptions client in clients)
        {
            Add(client.Address4, client);
            Add(client.Address6, client);
        }

        void Add(IpAddress? address, ClientOptions client)
        {
            if (address is { } used && !addresses.TryAdd(used, client.Name))
            {
                throw new ArgumentException($"device '{client.Name}' has the address {used}, which '{addresses[used]}' has; each client has its own");
            }
        }
    }
}
