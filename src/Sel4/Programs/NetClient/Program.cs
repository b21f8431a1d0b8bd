using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;
using Makatea.Virtio;

// Plays a guest on a network, of which it was granted a channel:
//   netclient ADDRESS [PORT PATH TIMES]  gets an address, asks ADDRESS for an echo, and fetches the page http://ADDRESS:PORT/PATH
TimeSpan patience = TimeSpan.FromMinutes(1);
var component = Sel4Component.Attach();
try
{
    switch (args)
    {
        case [string address] when Read(address) is { } peer:
            Use(peer, 0, "", 0);
            return 0;
        case [string address, string port, string path, string times] when Read(address) is { } peer:
            Use(peer, ushort.Parse(port, CultureInfo.InvariantCulture), path, int.Parse(times, CultureInfo.InvariantCulture));
            return 0;
        default:
            ComponentConsole.WriteLine($"not known: {string.Join(' ', args)}; it is 'ADDRESS [PORT PATH TIMES]', of IPv4");
            return 2;
    }
}
catch (Exception e) when (e is IOException or GrantException or InvalidDataException or TimeoutException or VhostUserException)
{
    ComponentConsole.WriteLine($"failed: {e.Message}");
    return 1;
}

void Use(IpAddress peer, ushort port, string path, int times)
{
    ManifestGrant channel = component.ReadManifest().Grants.FirstOrDefault(g => g.Type == GrantType.Channel) ?? throw new GrantException("the component has no net domain");
    using var network = new GuestNetwork(component.Host, () => Connect(channel), static c => ((RegionChannel)c).IsEnded, ComponentConsole.WriteLine);
    DhcpLease lease = network.WaitForLease(patience);
    ComponentConsole.WriteLine($"{network.Address} has the address {lease.Address} from {lease.Server}");
    ComponentConsole.WriteLine($"an echo from {peer} after {network.Ping(peer, patience).TotalMilliseconds:0.0} ms");
    for (int i = 1; i <= times; i++)
    {
        TcpConnection connection = network.Connect(peer, port, patience);
        WebPage page = network.Wait(WebPage.FetchAsync(connection, peer.ToString(), path), patience, $"{path} did not come");
        ComponentConsole.WriteLine($"page {i}: status {page.Status}, {page.Length} bytes, check {page.Check:x16}, {network.Deaths} domains died, memory {Sel4Component.CountMemory() >> 10} KiB");
    }

    ComponentConsole.WriteLine($"done: {times} pages, {network.Deaths} domains died");
}

MessageChannel Connect(ManifestGrant channel)
{
    using Grant grant = component.Grants.Open(channel);
    return grant.OpenChannel();
}

static IpAddress? Read(string text) => IpAddress.TryParse(text, out IpAddress address) && address.IsIPv4 ? address : null;
