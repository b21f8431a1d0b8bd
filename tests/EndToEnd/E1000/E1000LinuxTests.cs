using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Makatea.Platform;
using Xunit.Abstractions;

namespace Makatea.EndToEnd;

/// <summary>
/// Linux's own drivers judge ours: our adapter, a model of QEMU behind VT-d, and that of a Linux guest are two ends of a wire. Linux answers, takes and counts what we send, and we
/// what it sends; all offloads are on, and each side's checksums are worked out by its adapter and checked by the other side, in its adapter and in software.
/// </summary>
public sealed class E1000LinuxTests(ITestOutputHelper output)
{
    private const ushort Vlan = 5;
    private static readonly MacAddress _ours = new(0x0200_0000_0001);
    private static readonly MacAddress _theirs = new(0x0200_0000_0002);

    /// <summary>Errors that Linux's driver counts, and those of its IP stack; the latter need the file's two lines of each protocol taken together.</summary>
    private const string Errors = """
        ethtool -S eth0 | awk '/err|drop|fail|missed|no_buffer|dma_out_of_sync/ && $2 != 0'
        for file in snmp netstat; do awk '{ if ($1 == last) { for (i = 2; i <= NF; i++) if ($i != 0 && name[i] ~ /^(InHdrErrors|InErrors|InErrs|InCsumErrors|InUnknownProtos|ReasmFails)$/) print $1 name[i], $i } else for (i = 2; i <= NF; i++) name[i] = $i; last = $1 }' /proc/net/$file; done
        awk '/InHdrErrors|InErrors|InCsumErrors|Icmp6InErrors/ && $2 != 0' /proc/net/snmp6
        """;

    /// <summary>Waits for the link, which goes down where offloads are switched.</summary>
    private const string UntilLinked = """for i in $(seq 100); do [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && exit 0; sleep 0.1; done; ip addr; exit 1""";

    [SkippableTheory]
    [InlineData("e1000")]
    [InlineData("e1000e")]
    [Trait("Category", "Guest")]
    public void Linux_takes_our_frames(string ours)
    {
        using var scratch = new Scratch();
        using var bed = new AdapterBed(ours, scratch.File("wire"), _ours);
        using Guest guest = Boot(scratch, "e1000e");
        WireHost[] hosts = [new(bed, _theirs), new(bed, _theirs, Vlan)];
        byte[] data = RandomNumberGenerator.GetBytes(3_000_001);

        // Checked by Linux's adapter, and then by Linux itself.
        foreach (string receiving in (string[])["on", "off"])
        {
            guest.Run($"ethtool -K eth0 rx {receiving}; {UntilLinked}");
            Explained(guest, bed, () => Array.ForEach(hosts, host =>
            {
                Ping(host, host.Peer4, IpFrame.Icmp4);
                Ping(host, host.Peer6, IpFrame.Icmp6);
                Knock(host, host.Peer4);
                Knock(host, host.Peer6);
                Deliver(guest, host, host.Peer4, data[..300_001], 1460);
                Deliver(guest, host, host.Peer6, data[..300_001], 1440);

                // The adapter cuts these into segments.
                Deliver(guest, host, host.Peer4, data, 10_000);
                Deliver(guest, host, host.Peer4, data, 59_999);
            }));
        }

        Assert.Equal("", guest.Run(Errors));
        Assert.True(long.Parse(guest.Run("ethtool -S eth0 | awk '/rx_csum_offload_good/ { print $2 }'")) > 500);
        AssertNoErrors(bed);

        // And a wrong one is seen there: the datagram says that its checksum is there already, which it is not.
        byte[] wrong = IpFrame.Make(_ours, _theirs, hosts[0].Address4, hosts[0].Peer4, IpFrame.Udp, Datagram(9, 100), out _);
        bed.Send(wrong, default);
        guest.Run("for i in $(seq 50); do awk '/^Udp: [0-9]/ { exit $8 == 1 ? 0 : 1 }' /proc/net/snmp && exit 0; sleep 0.1; done; cat /proc/net/snmp; exit 1");
        guest.PowerOff();
    }

    /// <summary>The 82540EM of QEMU before 8.1 cuts TCP into segments, its 82574L into fragments of IP: only the former's segments are of use here.</summary>
    [SkippableTheory]
    [InlineData("e1000", "e1000e")]
    [InlineData("e1000e", "e1000e")]
    [InlineData("e1000e", "e1000")]
    [Trait("Category", "Guest")]
    public void We_take_frames_of_Linux(string ours, string theirs)
    {
        using var scratch = new Scratch();
        using var bed = new AdapterBed(ours, scratch.File("wire"), _ours);
        using Guest guest = Boot(scratch, theirs);
        bool isCut = theirs == "e1000";
        guest.Run($"ethtool -K eth0 tx on {(isCut ? "tso on" : "tso off")}; {UntilLinked}");
        guest.Run("head -c 3000001 /dev/urandom >/tmp/sent");
        string sent = guest.Run("sha256sum /tmp/sent").Split(' ')[0];
        foreach (WireHost host in (WireHost[])[new(bed, _theirs), new(bed, _theirs, Vlan)])
        {
            foreach ((IPAddress own, IPAddress peer, string ping) in (IEnumerable<(IPAddress, IPAddress, string)>)
                [(host.Address4, host.Peer4, "ping"), (host.Address6, host.Peer6, "ping6")])
            {
                guest.Start("ping", $"{ping} -c 3 -s 1400 {own}");
                for (int before = host.Echoes; host.Echoes < before + 3;)
                {
                    Assert.Null(host.TryReceive((_, _) => false, 0.2));
                }

                Assert.Contains("3 packets received", guest.Finish("ping"), StringComparison.Ordinal);
                guest.Start("send", $"nc {own} 6000 </tmp/sent");
                var tcp = WireTcp.Accept(host, peer, 6000);
                Assert.Equal(sent, Convert.ToHexStringLower(SHA256.HashData(tcp.ReceiveAll())));
                guest.Finish("send");
            }

            // The 82540EM of QEMU says nothing of checksums.
            Assert.Equal(ours == "e1000e" ? host.Received : 0, host.SaidGood);
        }

        Assert.Equal("", guest.Run(Errors));
        Assert.Equal(isCut, long.Parse(guest.Run("ethtool -S eth0 | awk '/tx_tcp_seg_good/ { print $2 }'")) > 0);
        AssertNoErrors(bed);
        guest.PowerOff();
    }

    private static Guest Boot(Scratch scratch, string model)
    {
        (string kernel, string initramfs) = GuestAssets.Adapters;
        Guest guest = Guest.Boot(scratch, new GuestOptions
        {
            Kernel = kernel,
            Initramfs = initramfs,
            Arguments = ["-netdev", $"stream,id=n0,server=off,addr.type=unix,addr.path={scratch.File("wire")}", "-device", $"{model},netdev=n0,mac={_theirs}"],
        });
        guest.Run($"""
            modprobe -a {model} 8021q
            cd /proc/sys/net
            echo 0 >ipv4/icmp_ratelimit; echo 0 >ipv6/icmp/ratelimit; echo 0 >ipv6/conf/default/accept_dad; echo 0 >ipv6/conf/eth0/accept_dad
            ip link set eth0 up
            vconfig add eth0 {Vlan}
            ip link set eth0.{Vlan} up
            ip addr add 10.9.0.2/24 dev eth0; ip addr add fd09::2/64 dev eth0
            ip addr add 10.9.{Vlan}.2/24 dev eth0.{Vlan}; ip addr add fd09:{Vlan}::2/64 dev eth0.{Vlan}
            {UntilLinked}
            """);
        return guest;
    }

    private void AssertNoErrors(AdapterBed bed)
    {
        NetStatistics statistics = bed.Port.ReadStatistics();
        output.WriteLine($"{statistics}, {bed.ShortFrames} short frames");
        Assert.True(statistics is { TransmitErrors: 0, ReceiveMissed: 0, Resets: 0 }, statistics.ToString());

        // Models do not pad what they send; the 82574L counts what is short.
        Assert.True(statistics.ReceiveErrors <= (ulong)bed.ShortFrames, statistics.ToString());
    }

    /// <summary>Adds to a failure what both sides counted.</summary>
    private static void Explained(Guest guest, AdapterBed bed, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            string counters = guest.TryRun("dmesg | tail -n 5; ethtool -S eth0 | grep -v ': 0$'; cat /proc/net/snmp; grep -v '0$' /proc/net/snmp6; cat /proc/net/arp").Output;
            throw new InvalidOperationException($"{e.Message}\n{bed.Port.Info}\n{bed.Port.ReadStatistics()}\n{counters}", e);
        }
    }

    private static void Ping(WireHost host, IPAddress peer, byte protocol)
    {
        bool isIp6 = protocol == IpFrame.Icmp6;
        foreach (int length in (int[])[8, 9, 64, 511, 1001, isIp6 ? 1452 : 1472, isIp6 ? 1460 : 1480])
        {
            byte[] request = RandomNumberGenerator.GetBytes(length);
            BinaryPrimitives.WriteUInt32BigEndian(request, isIp6 ? 0x8000_0000 : 0x0800_0000);
            host.Send(peer, protocol, request);
            byte[] reply = host.Receive($"the echo of {length} bytes", (p, t) => p == protocol && t[0] == (isIp6 ? 129 : 0));
            Assert.Equal(request[4..], reply[4..]);
        }
    }

    /// <summary>Datagrams to a port where nobody listens: Linux says so only where their checksum is right.</summary>
    private static void Knock(WireHost host, IPAddress peer)
    {
        bool isIp6 = peer.GetAddressBytes().Length == 16;
        foreach (int length in (int[])[0, 1, 2, 333, 1400])
        {
            byte[] datagram = Datagram((ushort)(9 + length), length);
            host.Send(peer, IpFrame.Udp, datagram);
            byte[] answer = host.Receive(
                $"the refusal of a datagram of {length} bytes",
                (p, t) => isIp6 ? p == IpFrame.Icmp6 && t is [1, 4, ..] : p == IpFrame.Icmp4 && t is [3, 3, ..]);
            Assert.Equal(datagram[..4], answer.AsSpan(8 + (isIp6 ? 40 : 20), 4));
        }
    }

    private static byte[] Datagram(ushort port, int length)
    {
        byte[] datagram = new byte[8 + length];
        new Random(length).NextBytes(datagram);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        return datagram;
    }

    private static void Deliver(Guest guest, WireHost host, IPAddress peer, ReadOnlySpan<byte> data, int atOnce)
    {
        guest.Start("take", "nc -l -p 5000 </dev/null >/tmp/taken");
        guest.Run("while ! grep -q ':1388 .* 0A ' /proc/net/tcp /proc/net/tcp6; do sleep 0.05; done");
        var tcp = WireTcp.Connect(host, peer, (ushort)Random.Shared.Next(10_000, 60_000), 5000);
        tcp.Send(data, atOnce);
        tcp.Close();
        guest.Finish("take");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(data)), guest.Run("sha256sum /tmp/taken").Split(' ')[0]);
    }
}
