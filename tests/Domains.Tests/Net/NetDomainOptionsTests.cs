using Makatea.Domains.Net;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Tests.Net;

/// <summary>What managers write and net domains read.</summary>
public sealed class NetDomainOptionsTests
{
    private static readonly NetDomainOptions _options = new()
    {
        Address4 = Ip("10.137.0.1"),
        Address6 = Ip("fd09:24ef:4179::a89:1"),
        Connections = "connections",
        Buffers = 4096,
        ConnectionLimit = 1000,
        Uplink = new UplinkOptions
        {
            Kind = UplinkKind.Interface,
            Grant = "uplink",
            Address4 = (Ip("192.0.2.7"), 24),
            Gateway4 = Ip("192.0.2.1"),
            Address6 = (Ip("2001:db8::7"), 64),
            Gateway6 = Ip("fe80::1"),
            NameServers = [Ip("192.0.2.53"), Ip("2001:db8::53")],
        },
        Clients =
        [
            new ClientOptions
            {
                Name = "work",
                Listener = "work socket",
                Mac = new(0x0016_3e5e_6c11),
                Address4 = Ip("10.137.0.17"),
                Address6 = Ip("fd09:24ef:4179::a89:11"),
                Mtu = 9000,
                Queues = 2,
                Limits = new() { BytesPerSecond = 12_000_000, PacketsPerSecond = 10_000, BurstMilliseconds = 50 },
                Connections = 100,
                Rules = ["action=accept proto=tcp dstports=443", "action=drop"],
                Published = [new(false, 8080, 80), new(true, 53, 5353)],
                IsAttached = false,
            },
            new ClientOptions { Name = "vault", Listener = "vault socket", Mac = new(0x0016_3e5e_6c12) },
        ],
    };

    [Fact]
    public void Options_come_back_out_of_a_manifest_as_they_went_in()
    {
        ComponentManifest manifest = ComponentManifest.FromJson(Manifest(_options.ToDevices()).ToJson());
        NetDomainOptions read = NetDomainOptions.Read(manifest);
        Assert.Equivalent(_options, read, strict: true);
        Assert.Null(read.Clients[1].Rules);
        Assert.Null(read.Clients[1].Address4);
    }

    [Theory]
    [InlineData("work", "mac", "01:00:5e:00:00:01", "one station")]
    [InlineData("work", "mac", null, "'mac' is missing")]
    [InlineData("work", "ip", "fd00::1", "an IPv4 address")]
    [InlineData("work", "ip6", "10.0.0.1", "an IPv6 address")]
    [InlineData("work", "mtu", "1279", "from 1280 to 9216")]
    [InlineData("work", "mtu", "-1500", "from 1280 to 9216")]
    [InlineData("work", "queues", "17", "from 1 to 16")]
    [InlineData("work", "pps", "many", "whole number")]
    [InlineData("work", "publish", "tcp:0:80", "tcp:8080:80")]
    [InlineData("work", "publish", "sctp:1:80", "tcp:8080:80")]
    [InlineData("work", "attached", "yes", "true or false")]
    [InlineData("work", "fierwall", "", "did you mean 'firewall'?")]
    [InlineData("uplink", "address", "192.0.2.7", "the length of its network")]
    [InlineData("uplink", "address", "192.0.2.7/33", "the length of its network")]
    [InlineData("uplink", "dns", "192.0.2.53 here", "IP addresses")]
    [InlineData("net", "ip", null, "'ip' is missing")]
    [InlineData("net", "buffers", "10", "from 1024")]
    public void What_is_wrong_is_named(string device, string option, string? value, string expected)
    {
        ManifestDevice[] devices = [.. _options.ToDevices().Select(d => d.Name == device ? d with { Options = Changed(d.Options, option, value) } : d)];
        string message = Assert.Throws<ArgumentException>(() => NetDomainOptions.Read(Manifest(devices))).Message;
        Assert.Contains($"device '{device}'", message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Two_clients_cannot_be_taken_for_each_other()
    {
        ClientOptions work = _options.Clients[0];
        NetDomainOptions options = _options with { Clients = [work, work with { Name = "other", Address4 = Ip("10.137.0.18") }] };
        Assert.Contains("which 'work' has", Assert.Throws<ArgumentException>(() => NetDomainOptions.Read(Manifest(options.ToDevices()))).Message);
    }

    [Fact]
    public void A_manifest_describes_one_net_domain_with_one_uplink()
    {
        IReadOnlyList<ManifestDevice> devices = _options.ToDevices();
        Assert.Contains("no device with the backend 'net'", Refused([.. devices.Skip(1)]));
        Assert.Contains("has 2 uplinks", Refused([.. devices, devices[1]]));
        Assert.Contains("found the backend 'virtio-blk'", Refused([.. devices, devices[2] with { Backend = "virtio-blk" }]));
        Assert.Contains("found the backend 'uplink-modem'", Refused([devices[0], devices[1] with { Backend = "uplink-modem" }]));
        Assert.Contains("several lines", Assert.Throws<ArgumentException>(() => (_options.Clients[0] with { Rules = ["a\nb"] }).ToDevice()).Message);
    }

    private static string Refused(ManifestDevice[] devices) => Assert.Throws<ArgumentException>(() => NetDomainOptions.Read(Manifest(devices))).Message;

    private static ComponentManifest Manifest(IReadOnlyList<ManifestDevice> devices) => new() { Name = "net", Kind = NetDomainOptions.Kind, Devices = devices };

    private static IReadOnlyDictionary<string, string> Changed(IReadOnlyDictionary<string, string> options, string name, string? value)
    {
        var changed = new Dictionary<string, string>(options);
        changed.Remove(name);
        if (value is not null)
        {
            changed.Add(name, value);
        }

        return changed;
    }

    private static IpAddress Ip(string text)
    {
        Assert.True(IpAddress.TryParse(text, out IpAddress address));
        return address;
    }
}
