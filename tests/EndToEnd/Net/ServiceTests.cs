using System.Net;
using System.Net.Sockets;
using System.Text;
using Makatea.Tests.Net;

namespace Makatea.EndToEnd;

/// <summary>A Linux guest that knows nothing of its network: busybox's DHCP client and the kernel's router discovery find it. What passes outside meanwhile is read by tshark.</summary>
[Trait("Category", "Guest")]
public sealed class ServiceTests
{
    /// <summary>udhcpc says what it was given by environment variables.</summary>
    private const string Lease = """
        #!/bin/sh
        [ "$1" = bound ] || exit 0
        /bin/ip addr add "$ip/$mask" dev "$interface"
        set -- $router
        /bin/ip route replace "$1/32" dev "$interface"
        /bin/ip route replace default via "$1" dev "$interface"
        : >/etc/resolv.conf
        for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
        """;

    [SkippableFact]
    public void A_guest_finds_its_network_by_itself_and_is_found_at_its_published_port()
    {
        NetBed.Require("dnsmasq", "dnsmasq-base");
        NetBed.Require("tshark", "tshark");
        using var system = NetSystem.Start(hasVeth: true, "", new NetQube("work", "net", "publish: [{port: 8080, to: 80}]"));
        string capture = system.Capture();
        system.Serve("dnsmasq", "dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--port=53", $"--listen-address={NetSystem.Outside4}", "--bind-interfaces", $"--host-record=page.example,{NetSystem.Outside4},{NetSystem.Outside6}", "-u", "root");
        string address = system.Port("work")["where"]!.GetValue<string>();
        system.Run("work", $"""
            set -e
            mkdir -p /etc
            echo {Convert.ToBase64String(Encoding.ASCII.GetBytes(Lease))} | base64 -d >/tmp/lease
            chmod +x /tmp/lease
            /bin/ip link set lo up
            /bin/ip link set eth0 up
            udhcpc -i eth0 -n -q -f -t 10 -T 1 -s /tmp/lease
            """);
        Assert.Contains($"inet {address}/", system.Run("work", "/bin/ip addr show dev eth0"), StringComparison.Ordinal);

        // The kernel asks for routers when the link comes up, and is told of ours.
        system.Run("work", "for i in $(seq 100); do /bin/ip -6 route show default | grep -q 'proto ra' && exit 0; sleep 0.2; done; /bin/ip -6 route; exit 1");
        Assert.Contains($"via {NetSystem.Gateway6} dev eth0 proto ra", system.Run("work", "/bin/ip -6 route show default"), StringComparison.Ordinal);

        // By name, over what the lease said.
        Deadline.Wait("an answer to a question for a name", 30, () => system.TryRun("work", "nslookup page.example").Output.Contains(NetSystem.Outside4, StringComparison.Ordinal));
        Assert.Equal($"bytes {1 << 20}", system.Run("work", $"nettraffic receive {NetSystem.Outside4} {StreamServer.Port} 1 {1 << 20}")[..13]);

        // From outside to the published port, before and after the net domain was killed.
        system.Run("work", "mkdir -p /tmp/www && echo published >/tmp/www/index.html && httpd -p 80 -h /tmp/www");
        Assert.Contains("published", Fetch(system), StringComparison.Ordinal);
        system.Kill("net");
        string page = "";
        Deadline.Wait("the page after the net domain was killed", 60, () => (page = TryFetch(system)).Length != 0);
        Assert.Contains("published", page, StringComparison.Ordinal);
        Assert.Empty(system.Server.Faults);
        AssertWellFormed(system, capture);
    }

    private static string Fetch(NetSystem system)
    {
        using Socket socket = system.Outside.In(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        (socket.ReceiveTimeout, socket.SendTimeout) = (20_000, 20_000);
        socket.Connect(IPAddress.Parse(NetSystem.Uplink4), 8080);
        socket.Send("GET /index.html HTTP/1.0\r\n\r\n"u8);
        var answer = new StringBuilder();
        byte[] bytes = new byte[4096];
        for (int count = socket.Receive(bytes); count != 0; count = socket.Receive(bytes))
        {
            answer.Append(Encoding.ASCII.GetString(bytes, 0, count));
        }

        return answer.ToString();
    }

    private static string TryFetch(NetSystem system)
    {
        try
        {
            return Fetch(system);
        }
        catch (SocketException)
        {
            return "";
        }
    }

    /// <summary>No frame of all that passed the uplink is malformed, and no checksum of the domain's is wrong.</summary>
    private static void AssertWellFormed(NetSystem system, string capture)
    {
        Thread.Sleep(500); // what tcpdump has on its way
        string[] checks = ["-o", "ip.check_checksum:TRUE", "-n", "-r", capture, "-Y"];
        string bad = system.Outside.Exec("tshark", [.. checks, "_ws.malformed || ip.checksum.status == 0"]);
        Assert.True(bad.Length == 0, bad);
        Assert.True(system.Outside.Exec("tshark", [.. checks, $"ip.addr == {NetSystem.Uplink4}"]).Split('\n').Length > 30);
    }
}
