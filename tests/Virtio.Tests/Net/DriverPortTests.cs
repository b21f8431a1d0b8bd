using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Net;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Net;

/// <summary>Both sides as ports, over vhost-user on a socket: what one transmits the other receives.</summary>
public sealed class DriverPortTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vhost-user").FullName;
    private Backend _backend;

    public DriverPortTests() => _backend = new Backend(SocketPath);

    private string SocketPath => Path.Combine(_folder, "net.sock");

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(VirtioFeatures.PackedRing)]
    [InlineData(VirtioFeatures.PackedRing | VirtioFeatures.InOrder)]
    [InlineData(VirtioFeatures.InOrder)]
    public void Frames_of_all_lengths_go_both_ways(ulong features)
    {
        using DriverNetPort port = new(UnixMessageChannel.Connect(SocketPath), TestHosts.Linux, new() { Features = NetDriverFeatures.Port | features });
        using PortPump driver = new(port);
        Assert.True(SpinWait.SpinUntil(() => _backend.Device.Port.Info.IsLinkUp, TimeSpan.FromSeconds(10)));
        Assert.True(port.Info.IsLinkUp);
        Assert.Equal(_backend.Device.Port.Info.Address, port.Info.Address);
        foreach (int length in (int[])[14, 60, 1514, 60_000])
        {
            byte[] frame = Frames.Packet(false, true, Math.Max(0, length - 54))[..Math.Max(14, length)];
            NetFrameOffload offload = length > 1514
                ? new() { Flags = NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, ChecksumStart = 34, ChecksumOffset = 16, SegmentSize = 1448, HeaderLength = 54 }
                : default;
            driver.Send(frame, offload);
            Assert.Equal(frame, _backend.Pump.Receive(out NetFrameOffload received));
            Assert.Equal(offload, received);
            _backend.Pump.Send(frame, offload);
            Assert.Equal(frame, driver.Receive(out received));
            Assert.Equal(offload, received);
        }
    }

    [Fact]
    public void The_driver_goes_on_with_the_next_device()
    {
        using DriverNetPort port = new(UnixMessageChannel.Connect(SocketPath), TestHosts.Linux, new() { Features = NetDriverFeatures.Port | VirtioFeatures.PackedRing });
        using PortPump driver = new(port);
        byte[] frame = Frames.Any(600);
        for (int round = 0; round < 3; round++)
        {
            driver.Send(frame, default);
            Assert.Equal(frame, _backend.Pump.Receive(out _));
            _backend.Pump.Send(frame, default);
            Assert.Equal(frame, driver.Receive(out _));
            _backend.Dispose();
            _backend = new Backend(SocketPath);
            port.Reconnect(UnixMessageChannel.Connect(SocketPath));
        }
    }

    [Fact]
    public void The_front_end_asks_for_an_announcement_and_says_the_mtu()
    {
        using VhostUserFrontend frontend = new(UnixMessageChannel.Connect(SocketPath), TestHosts.Linux);
        Assert.Equal(1ul, frontend.GetQueueCount());
        VhostUserProtocolFeatures offered = frontend.GetProtocolFeatures();
        Assert.Equal(VhostUserProtocolFeatures.Rarp | VhostUserProtocolFeatures.NetMtu, offered & (VhostUserProtocolFeatures.Rarp | VhostUserProtocolFeatures.NetMtu));
        frontend.SetProtocolFeatures(offered);
        frontend.SendRarp(new MacAddress(0x0200_0000_0005));
        byte[] frame = _backend.Pump.Receive(out _);
        Assert.Equal(60, frame.Length);
        Assert.Equal([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 5, 0x80, 0x35], frame[..14]);
        frontend.SetMtu(1400);
        Assert.Equal(1400, _backend.Device.Port.Info.Mtu);
        Assert.Throws<VhostUserException>(() => frontend.SetMtu(1501));
        Assert.Throws<VhostUserException>(() => frontend.SetMtu(67));
    }

    [Fact]
    public void Features_that_need_others_are_refused()
    {
        using VhostUserFrontend frontend = new(UnixMessageChannel.Connect(SocketPath), TestHosts.Linux);
        frontend.SetProtocolFeatures(frontend.GetProtocolFeatures());
        Assert.Throws<VhostUserException>(() => frontend.SetFeatures(VirtioFeatures.Version1 | NetFeatures.HostTso4));
    }

    /// <summary>A device on a socket, and its port with a thread.</summary>
    private sealed class Backend : IDisposable
    {
        private readonly UnixChannelListener _listener;
        private readonly VhostUserServer _server;
        private readonly Thread _thread;

        public Backend(string path)
        {
            Device = new VirtioNetDevice(new VirtioNetOptions { Name = "net", Address = new(0x5254_0000_0001) });
            Pump = new PortPump(Device.Port);
            _listener = UnixChannelListener.Bind(path);
            _server = new VhostUserServer(Device, TestHosts.Linux);
            _thread = new Thread(() => _server.Serve(_listener)) { IsBackground = true };
            _thread.Start();
        }

        public VirtioNetDevice Device { get; }

        public PortPump Pump { get; }

        public void Dispose()
        {
            _server.Dispose();
            Assert.True(_thread.Join(TimeSpan.FromSeconds(10)), "the server did not end");
            _listener.Dispose();
            Pump.Dispose();
            Device.Dispose();
        }
    }
}
