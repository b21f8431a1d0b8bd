using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <content>Ports come to the forwarding thread, and the uplink gets addresses.</content>
public sealed partial class NetDomain
{
    private static readonly NetQueueOptions _uplinkQueue = new() { ReceiveDepth = 1024, TransmitDepth = 512 };

    private void Attach(ClientPort client)
    {
        ForwardingPort port = _loop.AttachAsync(client.Device.Port, client.Options.Name).GetAwaiter().GetResult();
        _loop.RunAsync(() =>
        {
            client.Port = port;
            _tracker.Attach(client.Number, client.Options.Address4, client.Options.Address6, Compile(client.Rules), _router.Now);
            _router.ConnectQube(port, client.Link);
            _services.Serve(port.Index, client.Options);
        }).GetAwaiter().GetResult();
        NetLogMessages.Attached(_logger, client.Options.Name, port.Index, client.Rules.Count);
    }

    /// <summary>Takes an uplink's port into use.</summary>
    private void Connect(NetPort port)
    {
        ForwardingPort attached = _loop.AttachAsync(port, NetMetrics.Uplink, _uplinkQueue).GetAwaiter().GetResult();
        _loop.RunAsync(() =>
        {
            _uplink = attached;
            _router.ConnectUplink(attached);
            _addressing = new UplinkAddressing(_options.Uplink!, _router, _udp, _local, _discovery, _random, attached.Index, attached.Info.Address, Configure);
            _addressing.Start();
        }).GetAwaiter().GetResult();
        bool wasUp = port.Info.IsLinkUp;
        port.InfoChanged += () =>
        {
            bool isUp = port.Info.IsLinkUp;
            if (isUp && !wasUp)
            {
                _loop.Post(() => _addressing?.LinkUp());
            }

            wasUp = isUp;
        };
    }

    /// <summary>The uplink has other addresses. On the forwarding thread.</summary>
    private void Configure(UplinkConfiguration uplink)
    {
        _router.SetUplink(new UplinkAddresses
        {
            IPv4 = uplink.Address4?.Address,
            Network4 = uplink.Address4 is { } a4 ? new IpPrefix(a4.Address, a4.Length) : null,
            Gateway4 = uplink.Routes4.Where(r => r.Network.Length == 0).Select(r => (IpAddress?)r.Router).FirstOrDefault(),
            IPv6 = uplink.Address6?.Address,
            Network6 = uplink.Address6 is { } a6 ? new IpPrefix(a6.Address, a6.Length) : null,
            Gateway6 = uplink.Router6,
        });
        _resolver.Servers = uplink.NameServers;
        NetLogMessages.Configured(
            _logger, uplink.Address4?.Address.ToString() ?? "no IPv4 address", uplink.Address6?.Address.ToString() ?? "no IPv6 address", uplink.NameServers.Count == 0 ? "nobody" : string.Join(", ", uplink.NameServers));
    }

    /// <summary>Ports of the uplink lead to clients. On the forwarding thread.</summary>
    private void Publish()
    {
        var ports = new List<PublishedPort>();
        foreach (ClientPort client in _clients)
        {
            foreach (PublishedService service in client.Options.Published)
            {
                byte protocol = service.IsUdp ? IpProtocol.Udp : IpProtocol.Tcp;
                if (client.Options.Address4 is { } address4)
                {
                    ports.Add(new PublishedPort(protocol, service.Port, service.Port, address4, service.To));
                }

                if (client.Options.Address6 is { } address6)
                {
                    ports.Add(new PublishedPort(protocol, service.Port, service.Port, address6, service.To));
                }
            }
        }

        _tracker.Publish(ports);
    }

    private FirewallRuleSet Compile(IReadOnlyList<FirewallRule> rules) => new(rules, _names, _options.NameServers);
}
