using Makatea.NetStack;

namespace Makatea.Domains.Net;

/// <content>What changes while it serves, from any thread.</content>
public sealed partial class NetDomain
{
    /// <summary>Gives a client another firewall. Connections that it allows go on.</summary>
    /// <param name="client">Name of the client.</param>
    /// <param name="rules">The rules; null for none, which lets the client out and nobody in.</param>
    /// <exception cref="ArgumentException">There is no such client, or a rule is wrong; then nothing changed.</exception>
    public async Task SetRulesAsync(string client, IReadOnlyList<string>? rules)
    {
        ClientPort found = Find(client);
        IReadOnlyList<FirewallRule> parsed = ClientRules.Parse(client, rules);
        await _loop.RunAsync(() =>
        {
            _tracker.SetRules(found.Number, Compile(parsed), _router.Now);
            found.Rules = parsed;
        }).ConfigureAwait(false);
        NetLogMessages.RulesSet(_logger, client, parsed.Count);
    }

    /// <summary>Plugs a client's cable in, or pulls it. Connections stay known.</summary>
    /// <exception cref="ArgumentException">There is no such client.</exception>
    public void SetLink(string client, bool isAttached)
    {
        Find(client).Device.IsLinkUp = isAttached;
        NetLogMessages.LinkSet(_logger, client, isAttached ? "up" : "down");
    }

    private ClientPort Find(string client) => _clients.FirstOrDefault(c => c.Options.Name == client)
        ?? throw new ArgumentException($"'{client}' is no client of '{_manifest.Name}'{NearestName.Hint(client, _clients.Select(c => c.Options.Name))}");

    /// <summary>What is counted now. Numbers of the forwarding thread may be a batch old.</summary>
    private IEnumerable<PortMeasurement> Measure()
    {
        if (Volatile.Read(ref _uplink) is { } uplink)
        {
            yield return Measure(NetMetrics.Uplink, uplink, null);
        }

        foreach (ClientPort client in _clients)
        {
            if (client.Port is { } port)
            {
                yield return Measure(client.Options.Name, port, client);
            }
        }
    }

    private PortMeasurement Measure(string name, ForwardingPort port, ClientPort? client)
    {
        PortCounters counters = port.Counters;
        List<(string Reason, ulong Count)> drops =
        [
            .. DropReasons.All.Select(r => (r.Name, _router.Dropped(port.Index, r.Reason))),
            ("receive-error", counters.ReceiveErrors),
            ("send-error", counters.SendErrors),
            ("queue-full", counters.QueueFull),
            .. client is null ? Array.Empty<(string, ulong)>() : [("guest-has-no-buffer", (ulong)client.Device.Counters.NoBuffer)],
        ];
        return new PortMeasurement(
            name, counters.ReceivedFrames, counters.ReceivedBytes, counters.SentFrames, counters.SentBytes, client is null ? _tracker.Count : _tracker.CountOf(client.Number), port.Info.IsLinkUp, drops);
    }
}
