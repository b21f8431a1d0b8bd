using Makatea.NetStack;

namespace Makatea.Systems;

/// <summary>The checks of net domains and of who is whose client: each interface has one user, chains end, ports are published once.</summary>
internal static class NetChecks
{
    // Ports at which a net domain hears answers to its own requests for addresses ([RFC 2131] 4.1, [RFC 8415] 7.2).
    private const long DhcpClient = 68;
    private const long Dhcp6Client = 546;

    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        string[] nets = [.. system.Domains.Where(d => d.IsNet).Select(d => d.Name.Value)];
        foreach (DomainDescription domain in system.Domains)
        {
            CheckKeys(domain, errors);
            if (domain is { IsNet: true, Uplink: { } uplink })
            {
                UplinkChecks.Check(uplink.Value, errors);
                CheckNetVm(uplink.Value.NetVm, nets, errors);
            }
        }

        foreach (NetClientDescription client in system.NetClients)
        {
            CheckNetVm(client.NetVm, nets, errors);
            foreach (Located<string> rule in client.Firewall ?? [])
            {
                if (!FirewallRules.TryParse(rule.Value, out _, out string? error))
                {
                    errors.Meaning(rule.Mark, error);
                }
            }
        }

        UplinkChecks.CheckUsers(system, errors);
        AddressPlan.Assign(system, errors);
        if (CheckLoops(system, errors))
        {
            CheckPublished(system, errors);
        }
    }

    /// <summary>The net domains between a client and the world, nearest first. There are no loops.</summary>
    public static IEnumerable<DomainDescription> Chain(SystemDescription system, Located<string>? netVm)
    {
        DomainDescription? next = Find(system, netVm);
        while (next is not null)
        {
            yield return next;
            next = Find(system, next.Uplink?.Value.NetVm);
        }
    }

    private static DomainDescription? Find(SystemDescription system, Located<string>? name) =>
        name is { } of ? system.Domains.FirstOrDefault(d => d.IsNet && d.Name.Value == of.Value) : null;

    private static void CheckKeys(DomainDescription domain, SystemFileErrors errors)
    {
        if (!domain.IsNet && domain.Uplink is { } uplink)
        {
            errors.Meaning(uplink.Mark, $"found an uplink of domain '{domain.Name.Value}', which is a {domain.Kind} domain; expected 'kind: {DomainDescription.Net}'");
        }
        else if (domain is { IsNet: true, Uplink: null })
        {
            errors.Meaning(domain.Name.Mark, $"domain '{domain.Name.Value}' has no 'uplink', which a net domain needs, such as 'uplink: {{tap: NAME}}' or 'uplink: {{netvm: DOMAIN}}'");
        }

        if (domain is { IsNet: true, Nvme: { } nvme })
        {
            errors.Meaning(nvme.Mark, $"found an NVMe controller of domain '{domain.Name.Value}', which is a net domain; expected 'kind: {DomainDescription.Storage}'");
        }
    }

    private static void CheckNetVm(Located<string>? netVm, string[] nets, SystemFileErrors errors)
    {
        if (netVm is { Value: { } name } && !nets.Contains(name))
        {
            string known = nets.Length == 0 ? "but the file has no net domains; add 'domains: {net: {kind: net, uplink: {tap: NAME}}}'" : $"expected {Phrase.OneOf(nets)}";
            errors.Meaning(netVm.Value.Mark, $"found the net domain '{name}', {known}{NearestName.Hint(name, nets)}");
        }
    }

    /// <returns>Whether there are none.</returns>
    private static bool CheckLoops(SystemDescription system, SystemFileErrors errors)
    {
        var done = new HashSet<string>(StringComparer.Ordinal);
        bool isFree = true;
        foreach (DomainDescription start in system.Domains.Where(d => d.IsNet))
        {
            List<string> path = [];
            for (DomainDescription? at = start; at is not null && !done.Contains(at.Name.Value); at = Find(system, at.Uplink?.Value.NetVm))
            {
                int first = path.IndexOf(at.Name.Value);
                if (first >= 0)
                {
                    errors.Meaning(at.Uplink!.Value.Value.NetVm!.Value.Mark, $"found a loop of net domains, {string.Join(" -> ", path.Skip(first).Append(at.Name.Value))}; expected one whose uplink is no net domain");
                    isFree = false;
                    break;
                }

                path.Add(at.Name.Value);
            }

            done.UnionWith(path);
        }

        return isFree;
    }

    /// <summary>A port outside is a port at every domain of the chain.</summary>
    private static void CheckPublished(SystemDescription system, SystemFileErrors errors)
    {
        var users = new Dictionary<(string Domain, bool IsUdp, long Port), string>();
        foreach (NetClientDescription client in system.NetClients)
        {
            foreach (PublishDescription publish in client.Publish.Where(p => p.Port.Mark.Line != 0))
            {
                if (publish.Port.Value is >= EphemeralPorts.First and <= EphemeralPorts.Last || publish is { IsUdp: true, Port.Value: DhcpClient or Dhcp6Client })
                {
                    errors.Meaning(publish.Port.Mark, $"found {publish.Describe()}, expected another: net domains keep {EphemeralPorts.First} to {EphemeralPorts.Last}, and udp {DhcpClient} and {Dhcp6Client}, for themselves");
                }

                foreach (DomainDescription domain in Chain(system, client.NetVm))
                {
                    if (!users.TryAdd((domain.Name.Value, publish.IsUdp, publish.Port.Value), $"{client.Noun} '{client.Name.Value}' in line {publish.Port.Mark.Line}"))
                    {
                        string user = users[(domain.Name.Value, publish.IsUdp, publish.Port.Value)];
                        errors.Meaning(publish.Port.Mark, $"found {publish.Describe()} of domain '{domain.Name.Value}' published again, expected another; {user} has it");
                        break;
                    }
                }
            }
        }
    }
}
