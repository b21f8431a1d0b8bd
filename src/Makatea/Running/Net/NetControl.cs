using Makatea.Cli;
using Makatea.Domains.Manager;
using Makatea.Domains.Net;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>Firewalls and links of net domains' clients while the system runs: what commands ask for, one change at a time.</summary>
/// <param name="nets">State of the net domains by name.</param>
/// <param name="find">Finds the runner of a domain.</param>
internal sealed class NetControl(IReadOnlyDictionary<string, NetDomainState> nets, Func<string, DomainRunner> find)
{
    /// <summary>What holds for a client that was given no rules, as in Qubes.</summary>
    public static readonly IReadOnlyList<string> DefaultRules = ["action=accept"];

    private readonly SemaphoreSlim _one = new(1);

    /// <summary>Changes the rules of a client. Connections that the new rules allow go on.</summary>
    /// <param name="client">Name of the client.</param>
    /// <param name="edit">The new rules, of those that hold; null for those of the system file.</param>
    /// <returns>The rules that hold now.</returns>
    /// <exception cref="CommandException">There is no such client, or its domain refused.</exception>
    public async Task<IReadOnlyList<string>> ChangeRulesAsync(string client, Func<IReadOnlyList<string>, IReadOnlyList<string>>? edit)
    {
        (string domain, NetDomainState state) = DomainOf(client);
        await _one.WaitAsync().ConfigureAwait(false);
        try
        {
            IReadOnlyList<string>? original = state.Original.Clients.First(c => c.Name == client).Rules;
            ClientOptions after = await find(domain).ChangeAsync(
                client, c => c with { Rules = edit is null ? original : edit(c.Rules ?? DefaultRules) }, (id, c) => new SetRulesMessage(id, client, c.Rules)).ConfigureAwait(false);
            return after.Rules ?? DefaultRules;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The rules of a client.</summary>
    /// <exception cref="CommandException">There is no such client.</exception>
    public IReadOnlyList<string> RulesOf(string client) => DomainOf(client).State.ClientOf(client).Rules ?? DefaultRules;

    /// <summary>Plugs the cable of a client in, or pulls it.</summary>
    /// <exception cref="CommandException">There is no such client, or its domain refused.</exception>
    public async Task SetLinkAsync(string client, bool isAttached)
    {
        (string domain, _) = DomainOf(client);
        await _one.WaitAsync().ConfigureAwait(false);
        try
        {
            await find(domain).ChangeAsync(client, c => c with { IsAttached = isAttached }, (id, _) => new SetLinkMessage(id, client, isAttached)).ConfigureAwait(false);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A client's port; null where it has none.</summary>
    public PortStatus? StatusOf(string client)
    {
        (string domain, NetDomainState? state) = nets.FirstOrDefault(n => n.Value.Original.Clients.Any(c => c.Name == client));
        if (state is null)
        {
            return null;
        }

        ClientOptions options = state.ClientOf(client);
        return new PortStatus(
            client, domain, options.Address4?.ToString() ?? "", options.Address6?.ToString() ?? "", options.Mac.ToString(), options.IsAttached, options.Rules, find(domain).PortCountersOf(client));
    }

    /// <summary>A net domain's uplink; null of other domains.</summary>
    public UplinkStatus? UplinkOf(DomainDescription domain)
    {
        if (domain.Uplink?.Value is not { } uplink)
        {
            return null;
        }

        (string Kind, Located<string>? What)[] kinds = [("tap", uplink.Tap), ("interface", uplink.Interface), ("e1000", uplink.E1000), ("netvm", uplink.NetVm)];
        (string kind, Located<string>? what) = kinds.First(k => k.What is not null);
        DomainRunner runner = find(domain.Name.Value);
        return new UplinkStatus($"{kind} {what!.Value.Value}", PortCounters.LinkOf(runner.Status.Metrics, NetMetrics.Uplink), runner.PortCountersOf(NetMetrics.Uplink));
    }

    private (string Domain, NetDomainState State) DomainOf(string client)
    {
        (string domain, NetDomainState? state) = nets.FirstOrDefault(n => n.Value.Original.Clients.Any(c => c.Name == client));
        string[] names = [.. nets.Values.SelectMany(n => n.Original.Clients).Select(c => c.Name)];
        return state is not null
            ? (domain, state)
            : throw new CommandException(names.Length == 0
                ? "the system has no net domain with clients"
                : $"'{client}' is no client of a net domain; there are {string.Join(", ", names)}{NearestName.Hint(client, names)}");
    }
}
