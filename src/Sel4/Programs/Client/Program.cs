using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;
using Makatea.Virtio.Testing;

// Plays a guest with a disk or on a network, of which it was granted a channel:
//   client write SEED BLOCKS SECONDS     writes and checks generations of BLOCKS blocks for SECONDS, at least one
//   client cost                          says what doorbells and requests cost
//   client net ADDRESS [PORT PATH TIMES] gets an address, asks ADDRESS for an echo, and fetches the page http://ADDRESS:PORT/PATH
const string Usage = "'write SEED BLOCKS SECONDS', 'cost' or 'net ADDRESS [PORT PATH TIMES]'";
var component = Sel4Component.Attach();
try
{
    return args switch
    {
        ["write", string seed, string blocks, string seconds] => Write(ulong.Parse(seed, CultureInfo.InvariantCulture), Number(blocks), TimeSpan.FromSeconds(Number(seconds))),
        ["cost"] => SayCosts(),
        ["net", string address] => UseNetwork(address, 0, "", 0),
        ["net", string address, string port, string path, string times] => UseNetwork(address, (ushort)Number(port), path, Number(times)),
        _ => Refuse(),
    };
}
catch (Exception e) when (e is IOException or GrantException or InvalidDataException or TimeoutException or VhostUserException)
{
    ComponentConsole.WriteLine($"failed: {e.Message}");
    return 1;
}

int Refuse()
{
    ComponentConsole.WriteLine($"not known: {string.Join(' ', args)}; it is {Usage}");
    return 2;
}

int Write(ulong seed, int blocks, TimeSpan time)
{
    using GuestDisk disk = OpenDisk();
    var trial = new DiskTrial(disk, seed, blocks);
    long started = TimeProvider.System.GetTimestamp();
    long said = started;
    do
    {
        trial.Next();
        if (trial.Generation == 1 || TimeProvider.System.GetElapsedTime(said) > TimeSpan.FromSeconds(2))
        {
            said = TimeProvider.System.GetTimestamp();
            ComponentConsole.WriteLine($"generation {trial.Generation} is written and as it should be: {disk.Requests} requests, {disk.Deaths} domains died, memory {Sel4Component.CountMemory() >> 10} KiB");
        }
    }
    while (TimeProvider.System.GetElapsedTime(started) < time);
    ComponentConsole.WriteLine($"done: generation {trial.Generation}, {disk.Requests} requests, {disk.Deaths} domains died");
    return 0;
}

int SayCosts()
{
    using GuestDisk disk = OpenDisk();
    var costs = new Costs(component.Host, component.TicksPerMicrosecond);
    ComponentConsole.WriteLine(costs.SystemCall());
    ComponentConsole.WriteLine(costs.Doorbells());
    ComponentConsole.WriteLine(costs.Requests(disk, BlkRequestType.Read));
    ComponentConsole.WriteLine("done");
    return 0;
}

int UseNetwork(string written, ushort port, string path, int times)
{
    if (!IpAddress.TryParse(written, out IpAddress address) || !address.IsIPv4)
    {
        return Refuse();
    }

    TimeSpan patience = TimeSpan.FromMinutes(1);
    ManifestGrant channel = FindChannel(name => name.EndsWith($"/{component.Name}", StringComparison.Ordinal), "no net domain");
    using var network = new GuestNetwork(component.Host, () => Connect(channel), IsEnded, ComponentConsole.WriteLine);
    DhcpLease lease = network.WaitForLease(patience);
    ComponentConsole.WriteLine($"{network.Address} has the address {lease.Address} from {lease.Server}");
    ComponentConsole.WriteLine($"an echo from {address} after {network.Ping(address, patience).TotalMilliseconds:0.0} ms");
    for (int i = 1; i <= times; i++)
    {
        TcpConnection connection = network.Connect(address, port, patience);
        WebPage page = network.Wait(WebPage.FetchAsync(connection, written, path), patience, $"{path} did not come");
        ComponentConsole.WriteLine($"page {i}: status {page.Status}, {page.Length} bytes, check {page.Check:x16}, {network.Deaths} domains died, memory {Sel4Component.CountMemory() >> 10} KiB");
    }

    ComponentConsole.WriteLine($"done: {times} pages, {network.Deaths} domains died");
    return 0;
}

GuestDisk OpenDisk()
{
    ManifestGrant channel = FindChannel(name => name.StartsWith($"{component.Name}/", StringComparison.Ordinal), "no disk");
    return new GuestDisk(component.Host, () => Connect(channel), IsEnded, component.Grants.LengthOf(channel.Name + ".memory"), TimeSpan.FromMinutes(1), ComponentConsole.WriteLine);
}

// A disk's channel is called COMPONENT/DISK, that to a net domain DOMAIN/COMPONENT.
ManifestGrant FindChannel(Func<string, bool> isIt, string fault) => component.ReadManifest().Grants.FirstOrDefault(g => g.Type == GrantType.Channel && isIt(g.Name)) ?? throw new GrantException($"the component has {fault}");

MessageChannel Connect(ManifestGrant channel)
{
    using Grant grant = component.Grants.Open(channel);
    return grant.OpenChannel();
}

static bool IsEnded(MessageChannel channel) => ((RegionChannel)channel).IsEnded;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
