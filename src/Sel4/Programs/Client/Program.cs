using System.Globalization;
using Makatea.Platform;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

// Plays a guest with a disk, of which it was granted a channel:
//   client write SEED BLOCKS SECONDS     writes and checks generations of BLOCKS blocks for SECONDS, at least one
//   client cost                          says what doorbells and requests cost
var component = Sel4Component.Attach();
try
{
    ManifestGrant channel = component.ReadManifest().Grants.First(g => g.Type == GrantType.Channel);
    using var disk = new GuestDisk(
        component.Host,
        () => Connect(channel),
        static c => ((RegionChannel)c).IsEnded,
        component.Grants.LengthOf(channel.Name + ".memory"),
        TimeSpan.FromMinutes(1),
        ComponentConsole.WriteLine);
    switch (args)
    {
        case ["write", string seed, string blocks, string seconds]:
            Write(new DiskTrial(disk, ulong.Parse(seed, CultureInfo.InvariantCulture), int.Parse(blocks, CultureInfo.InvariantCulture)), disk, TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture)));
            return 0;
        case ["cost"]:
            var costs = new Costs(component.Host, component.TicksPerMicrosecond);
            ComponentConsole.WriteLine(costs.SystemCall());
            ComponentConsole.WriteLine(costs.Doorbells());
            ComponentConsole.WriteLine(costs.Requests(disk, BlkRequestType.Read));
            ComponentConsole.WriteLine("done");
            return 0;
        default:
            ComponentConsole.WriteLine($"not known: {string.Join(' ', args)}; it is 'write SEED BLOCKS SECONDS' or 'cost'");
            return 2;
    }
}
catch (Exception e) when (e is IOException or GrantException or InvalidDataException or TimeoutException or VhostUserException)
{
    ComponentConsole.WriteLine($"failed: {e.Message}");
    return 1;
}

MessageChannel Connect(ManifestGrant channel)
{
    using Grant grant = component.Grants.Open(channel);
    return grant.OpenChannel();
}

static void Write(DiskTrial trial, GuestDisk disk, TimeSpan time)
{
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
}
