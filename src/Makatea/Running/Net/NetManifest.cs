using Makatea.Domains.Net;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>What a net domain is told of itself, its uplink and its clients, and what it is granted for them.</summary>
internal static class NetManifest
{
    /// <summary>Name of the grant of the uplink.</summary>
    public const string UplinkGrant = "uplink";

    private const string ConnectionsGrant = "connections";

    /// <summary>Opens what its clients need, adds it to <paramref name="grants"/>, and describes the domain.</summary>
    /// <param name="system">The system.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="grants">What the domain is given.</param>
    /// <param name="uplink">Its uplink, whose grant is there already.</param>
    /// <param name="socketOf">Path of the socket of a client by name.</param>
    /// <exception cref="IOException">Something cannot be opened.</exception>
    public static NetDomainOptions Build(SystemDescription system, DomainDescription domain, GrantTable grants, UplinkOptions uplink, Func<string, string> socketOf)
    {
        // A domain connects to the one behind it; a qube's QEMU is connected to.
        NetDomainOptions options = Describe(system, domain, uplink, c => system.Domains.Any(d => d.Name.Value == c)
            ? grants.AddListener($"{c} socket", socketOf(c))
            : grants.AddRenewed($"{c} socket", new QubeConnections(socketOf(c))));

        // The connections that are tracked are the manager's memory, so that the domain's successors find them.
        grants.AddMemory(options.Connections, options.ConnectionsLength);
        return options;
    }

    /// <summary>Describes a domain by itself.</summary>
    /// <param name="system">The system.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="uplink">Its uplink.</param>
    /// <param name="listenerOf">Name of the grant that is the listener of a client by name.</param>
    public static NetDomainOptions Describe(SystemDescription system, DomainDescription domain, UplinkOptions uplink, Func<string, string> listenerOf)
    {
        List<ClientOptions> clients = [];
        foreach (DomainDescription client in system.Domains.Where(d => d.Uplink?.Value.NetVm?.Value == domain.Name.Value))
        {
            clients.Add(Client(client.Name.Value, client.Addresses!, new PortDescription()));
        }

        foreach (NetClientDescription client in system.NetClients.Where(c => c.NetVm?.Value == domain.Name.Value))
        {
            clients.Add(Client(client.Name.Value, client.Addresses!, client.Port ?? new PortDescription()) with { Rules = RulesOf(client) });
        }

        return new NetDomainOptions
        {
            Address4 = domain.Addresses!.Ip,
            Address6 = domain.Addresses.Ip6,
            Mac = AddressPlan.DomainMac,
            NameServers = AddressPlan.NameServers,
            Connections = ConnectionsGrant,
            Uplink = uplink,
            Clients = clients,
        };

        ClientOptions Client(string name, PortAddresses addresses, PortDescription port) => new()
        {
            Name = name,
            Listener = listenerOf(name),
            Mac = addresses.Mac,
            Address4 = addresses.Ip,
            Address6 = addresses.Ip6,
            Mtu = port.Mtu,
            Queues = port.Queues,
            Limits = LimitsOf(port.Limits),
            Published = [.. PublishedAt(system, domain, name)],
        };
    }

    /// <summary>The options of an uplink.</summary>
    /// <param name="system">The system.</param>
    /// <param name="domain">The domain that has it.</param>
    public static UplinkOptions Uplink(SystemDescription system, DomainDescription domain)
    {
        UplinkDescription uplink = domain.Uplink!.Value.Value;
        if (uplink.NetVm is { } netVm)
        {
            // As a qube: an address of its own alone, all else is behind the other domain.
            PortAddresses router = system.Domains.First(d => d.Name.Value == netVm.Value).Addresses!;
            return new UplinkOptions
            {
                Kind = UplinkKind.NetDomain,
                Grant = UplinkGrant,
                Mac = domain.Addresses!.Mac,
                Address4 = (domain.Addresses.Ip, 32),
                Gateway4 = router.Ip,
                Address6 = (domain.Addresses.Ip6, 128),
                Gateway6 = router.Ip6,
                NameServers = ServersOf(uplink) is { Count: > 0 } servers ? servers : AddressPlan.NameServers,
            };
        }

        return new UplinkOptions
        {
            Kind = uplink.E1000 is null ? UplinkKind.Interface : UplinkKind.Adapter,

            // A function's grant is called by its address, which VFIO's users are to know.
            Grant = uplink.E1000 is { } adapter && PciAddress.TryParse(adapter.Value, out PciAddress address) ? address.ToString() : UplinkGrant,
            Address4 = NetworkOf(uplink.Address, isIPv4: true),
            Gateway4 = AddressOf(uplink.Gateway),
            Address6 = NetworkOf(uplink.Address6, isIPv4: false),
            Gateway6 = AddressOf(uplink.Gateway6),
            NameServers = ServersOf(uplink),
        };
    }

    /// <summary>The ports that lead to a client at a domain: at the one nearest to it to its own port, at those before it to the same port of the next domain.</summary>
    internal static IEnumerable<PublishedService> PublishedAt(SystemDescription system, DomainDescription domain, string client)
    {
        foreach (NetClientDescription end in system.NetClients.Where(c => c.Publish.Count != 0))
        {
            List<string> chain = [end.Name.Value, .. NetChecks.Chain(system, end.NetVm).Select(d => d.Name.Value)];
            int at = chain.IndexOf(domain.Name.Value);
            if (at > 0 && chain[at - 1] == client)
            {
                foreach (PublishDescription publish in end.Publish)
                {
                    yield return new PublishedService(publish.IsUdp, (ushort)publish.Port.Value, (ushort)(at == 1 ? publish.To ?? publish.Port.Value : publish.Port.Value));
                }
            }
        }
    }

    private static IReadOnlyList<string>? RulesOf(NetClientDescription client) =>
        client.Firewall is { } rules ? [.. rules.Select(r => FirewallRules.TryParse(r.Value, out FirewallRule? rule, out _) ? rule.ToString() : throw new InvalidOperationException($"unchecked rule: {r.Value}"))] : null;

    private static PortRateLimits LimitsOf(PortLimits? limits) => limits is null ? new() : new()
    {
        BytesPerSecond = (long?)limits.BytesPerSecond,
        PacketsPerSecond = limits.PacketsPerSecond,
        BurstMilliseconds = limits.BurstMilliseconds ?? new PortRateLimits().BurstMilliseconds,
    };

    private static List<IpAddress> ServersOf(UplinkDescription uplink) => [.. uplink.Dns.Select(d => AddressOf(d)!.Value)];

    private static IpAddress? AddressOf(Located<string>? written) => written is { } text && IpAddress.TryParse(text.Value, out IpAddress address) ? address : null;

    private static (IpAddress Address, int Length)? NetworkOf(Located<string>? written, bool isIPv4) =>
        written is { } text && UplinkChecks.TryParse(text.Value, isIPv4, out IpAddress address, out IpPrefix prefix) ? (address, prefix.Length) : null;
}
