using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Makatea.Tests.Net;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Two kernels that talk through both kinds of port: one behind a TAP device, one behind a veth that a packet socket has.</summary>
public sealed class BridgeTests : IDisposable
{
    private const int UdpSegment = 103;
    private readonly NetBed _near;
    private readonly NetBed _middle;
    private readonly NetBed _far;

    public BridgeTests()
    {
        NetBed.RequireTap();
        _near = NetBed.Create();
        _middle = NetBed.Create();
        _far = NetBed.Create();
    }

    public void Dispose()
    {
        _near.Dispose();
        _middle.Dispose();
        _far.Dispose();
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Two_kernels_ping_and_send_streams(bool spoil)
    {
        NetBed.Require("iperf3", "iperf3");
        NetBed.Require("busybox", "busybox");
        using PortBridge bridge = Connect(spoil);
        _near.Exec("busybox", "ping", "-c", "3", "-W", "2", "10.77.0.2");
        _near.Exec("busybox", "ping", "-6", "-c", "3", "-W", "2", "fd00:77::2");
        using Process server = _far.Start("iperf3", "-s");
        try
        {
            foreach (string[] how in new string[][] { [], ["-R"], ["-6"], ["-6", "-R"] })
            {
                string target = how.Contains("-6") ? "fd00:77::2" : "10.77.0.2";
                Thread.Sleep(300);
                using JsonDocument result = JsonDocument.Parse(_near.Exec("iperf3", ["-c", target, "-n", "64M", "-J", .. how]));
                JsonElement end = result.RootElement.GetProperty("end");
                long received = end.GetProperty("sum_received").GetProperty("bytes").GetInt64();
                Assert.True(received >= 50 << 20, $"{received} bytes arrived");
            }
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }

        // A packet lost where a queue was full is sent again and hurts nothing; one with a wrong checksum or length would be ours.
        Assert.Equal([0, 0], [_near.DamagedPackets(), _far.DamagedPackets()]);
        const NetFrameFlags Both = NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6 | NetFrameFlags.NeedsChecksum;
        Assert.Equal(Both, bridge.FromA.Seen & Both);
        Assert.Equal(Both, bridge.FromB.Seen & Both);
        Assert.Equal(0, bridge.Allocated);
    }

    [SkippableTheory]
    [InlineData("10.77.0.2", NetFrameFlags.SegmentUdp4)]
    [InlineData("fd00:77::2", NetFrameFlags.SegmentUdp6)]
    public void Datagrams_are_cut_on_the_way(string address, NetFrameFlags expected)
    {
        Skip.If(Environment.OSVersion.Version < new Version(6, 2), $"the kernel is {Environment.OSVersion.Version}; TAP devices leave datagrams uncut since 6.2");
        using PortBridge bridge = Connect(spoil: true);
        var target = new IPEndPoint(IPAddress.Parse(address), 7777);
        using Socket receiver = _far.In(() => Udp(target.AddressFamily));
        receiver.Bind(new IPEndPoint(target.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 7777));
        receiver.ReceiveTimeout = 5000;
        using Socket sender = _near.In(() => Udp(target.AddressFamily));
        sender.SetRawSocketOption((int)ProtocolType.Udp, UdpSegment, BitConverter.GetBytes(1000));
        byte[] data = new byte[8500];
        Random.Shared.NextBytes(data);
        sender.SendTo(data, target);
        byte[] got = new byte[2000];
        for (int at = 0; at < data.Length; at += 1000)
        {
            int length = receiver.Receive(got);
            Assert.Equal(Math.Min(1000, data.Length - at), length);
            Assert.Equal(data[at..(at + length)], got[..length]);
        }

        Assert.Equal(expected, bridge.FromA.Seen & expected);
    }

    [SkippableFact]
    public void No_frame_is_malformed_in_the_eyes_of_another()
    {
        NetBed.Require("tshark", "tshark");
        NetBed.Require("ethtool", "ethtool");
        NetBed.Require("iperf3", "iperf3");
        NetBed.Require("busybox", "busybox");
        using PortBridge bridge = Connect(spoil: true);

        // So that the kernel cuts segments before they go to the other end of the pair, and works checksums out.
        _middle.Exec("ethtool", "-K", "mid", "tx", "off", "tso", "off", "gso", "off");
        string capture = Path.Combine(Path.GetTempPath(), $"{_far.Name}.pcap");
        using Process tcpdump = _far.Start("tcpdump", "-i", "far", "-U", "-s", "0", "-c", "3000", "-w", capture);
        Thread.Sleep(1000);
        using Process server = _far.Start("iperf3", "-s", "-1");
        Thread.Sleep(300);
        _near.Exec("iperf3", "-c", "10.77.0.2", "-n", "20M");
        _near.Exec("busybox", "ping", "-c", "2", "-s", "4000", "10.77.0.2");
        server.WaitForExit(5000);
        if (!tcpdump.WaitForExit(2000))
        {
            tcpdump.Kill(entireProcessTree: true);
            tcpdump.WaitForExit();
        }

        // What far sends itself has no checksums yet, as it leaves them to the other end.
        string[] checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];
        string malformed = _far.Exec("tshark", ["-r", capture, .. checks, "-Y", "_ws.malformed || (ip.src == 10.77.0.1 && (ip.checksum.status == 0 || tcp.checksum.status == 0 || frame.len > 1514))"]);
        string right = _far.Exec("tshark", ["-r", capture, .. checks, "-Y", "ip.src == 10.77.0.1 && ip.checksum.status == 1 && tcp.checksum.status == 1 && tcp.len == 1448"]);
        File.Delete(capture);
        Assert.Equal("", malformed.Trim());
        Assert.True(right.Split('\n').Length > 100, "there were no segments to look at");
    }

    private PortBridge Connect(bool spoil)
    {
        NetPort tap = _near.In(() => TapPort.Open("near"));
        _near.Up("near", "10.77.0.1/24", "fd00:77::1/64");
        _far.Veth("far", _middle, "mid");
        _far.Up("far", "10.77.0.2/24", "fd00:77::2/64");
        _middle.UpBare("mid");
        NetPort packet = _middle.In(() => PacketPort.Open("mid"));
        packet.SetFilter(new NetFilter { Promiscuous = true });
        return new PortBridge(tap, packet, spoil);
    }

    private static Socket Udp(AddressFamily family) => new(family, SocketType.Dgram, ProtocolType.Udp);
}
