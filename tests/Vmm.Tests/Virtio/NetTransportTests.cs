using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Net;
using Makatea.Virtio.Testing;
using Makatea.Virtio.Tests.Net;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests.Virtio;

/// <summary>Network devices over our own back end, from registers to the back end's port.</summary>
public sealed class NetTransportTests
{
    private const ulong Mac = 1 << 5;
    private const ulong Merged = 1 << 15;
    private const ulong ControlQueue = 1 << 17;
    private const ulong MultiQueue = 1 << 22;
    private const int HeaderLength = 12;

    [Theory]
    [InlineData("pci", 1, false, 2)]
    [InlineData("mmio", 1, true, 3)]
    [InlineData("pci", 2, true, 5)]
    [InlineData("pci", 2, false, 2)]
    public void Frames_go_both_ways_with_interrupts(string transport, int pairs, bool hasControl, int queues)
    {
        using var bed = new Bed(pairs, hasControl);
        List<string> reports = [];
        using TransportDriver driver = TransportDriver.Create(transport, bed.Device, reports);
        Assert.Equal((1U, queues), (driver.DeviceType, driver.QueueCount));
        Assert.Equal(Bed.GuestAddressBytes, Enumerable.Range(0, 6).Select(i => (byte)driver.ReadConfig(i, 1)));
        Assert.Equal((hasControl, hasControl && pairs > 1), ((driver.Offered & ControlQueue) != 0, (driver.Offered & MultiQueue) != 0));
        ulong features = VirtioFeatures.Version1 | Mac | Merged | (driver.Offered & (ControlQueue | MultiQueue));
        RingAreas[] areas = driver.Start(bed.Arena, features);
        Assert.Empty(reports);
        SplitDriverRing[] rings = [.. areas.Select(a => SplitDriverRing.Create(new() { Areas = a, Features = features }))];
        if (pairs > 1 && hasControl)
        {
            // VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET ([VIRTIO-1.3] 5.1.6.5.6).
            Assert.Equal(0, bed.Command(driver, ref rings[4], 4, [4, 0, 2, 0]));
        }

        for (int pair = 0; pair < (queues - 1) / 2; pair++)
        {
            byte[] sent = [.. Enumerable.Range(0, 100).Select(i => (byte)(i + pair))];
            bed.Send(driver, ref rings[(2 * pair) + 1], (2 * pair) + 1, sent);
            Assert.Equal(sent, bed.Pump.Receive(out _));
        }

        byte[] received = bed.Receive(driver, ref rings[0], 0, () => bed.Pump.Send([.. Bed.GuestAddressBytes, .. new byte[94]], default));
        Assert.Equal(Bed.GuestAddressBytes, received[..6]);
        Assert.Equal(100, received.Length);
        driver.Status = 0;
    }

    /// <summary>Those made for QEMU offer what they leave to it.</summary>
    [Fact]
    public void A_back_end_without_a_configuration_gets_no_control_queue_and_one_pair()
    {
        ulong all = ulong.MaxValue & ~VhostUserFeatures.ProtocolFeatures;
        ulong offered = NetFrontEnd.Offer(all, hasConfig: false);
        Assert.Equal(0ul, offered & (ControlQueue | MultiQueue | 1ul << 3 | 1ul << 16 | 1ul << 21 | 1ul << 60 | 1ul << 63));
        Assert.NotEqual(0ul, offered & Mac);
        Assert.Equal(2ul, NetFrontEnd.CountQueues(offered, 8));
        Assert.Equal(17ul, NetFrontEnd.CountQueues(NetFrontEnd.Offer(all, hasConfig: true), 8));
        Assert.Equal(2ul, NetFrontEnd.CountQueues(NetFrontEnd.Offer(all & ~ControlQueue, hasConfig: true), 8));
    }

    private sealed class Bed : IDisposable
    {
        public static readonly MacAddress GuestAddress = new(0x5254_00ab_cdef);
        public static readonly byte[] GuestAddressBytes = [0x52, 0x54, 0x00, 0xab, 0xcd, 0xef];
        private readonly string _folder = Directory.CreateTempSubdirectory("makatea-vmm-").FullName;
        private readonly VirtioNetDevice _backend;
        private readonly UnixChannelListener _listener;
        private readonly VhostUserServer _server;
        private readonly Thread _thread;
        private uint _token;

        public Bed(int pairs, bool hasControl)
        {
            _backend = new VirtioNetDevice(new VirtioNetOptions { Name = "net", Address = GuestAddress, QueuePairs = pairs, ControlQueue = hasControl });
            Pump = new PortPump(_backend.Port);
            string path = Path.Combine(_folder, "net.sock");
            _listener = UnixChannelListener.Bind(path);
            _server = new VhostUserServer(_backend, Makatea.Virtio.Tests.TestHosts.Linux);
            _thread = new Thread(() => _server.Serve(_listener)) { IsBackground = true };
            _thread.Start();
            Arena = new GuestArena(Makatea.Virtio.Tests.TestHosts.Linux, new GuestRange(0, 1 << 20), new GuestRange(1UL << 32, 4 << 20));
            Device = new VhostUserDevice(UnixMessageChannel.Connect(path), Makatea.Virtio.Tests.TestHosts.Linux, Arena.Memory, NetFrontEnd.Options(GuestAddress));
        }

        public PortPump Pump { get; }

        public GuestArena Arena { get; }

        public VhostUserDevice Device { get; }

        public void Send(TransportDriver driver, ref SplitDriverRing ring, int queue, byte[] frame)
        {
            GuestBuffer buffer = Arena.Allocate(HeaderLength + frame.Length, region: 1);
            frame.CopyTo(buffer.AsSpan()[HeaderLength..]);
            Use(driver, ref ring, queue, [buffer.AsElement()], 1, () => { });
        }

        public byte[] Receive(TransportDriver driver, ref SplitDriverRing ring, int queue, Action send)
        {
            GuestBuffer buffer = Arena.Allocate(2048, region: 1);
            uint length = Use(driver, ref ring, queue, [buffer.AsElement()], 0, send);
            return buffer.AsSpan()[HeaderLength..(int)length].ToArray();
        }

        public byte Command(TransportDriver driver, ref SplitDriverRing ring, int queue, byte[] command)
        {
            GuestBuffer buffer = Arena.Allocate(command.Length + 1, region: 1);
            command.CopyTo(buffer.AsSpan());
            buffer.AsSpan()[^1] = 0xee;
            Use(driver, ref ring, queue, [buffer.Slice(0, command.Length).AsElement(), buffer.Slice(command.Length, 1).AsElement()], 1, () => { });
            return buffer.AsSpan()[^1];
        }

        public void Dispose()
        {
            Device.Dispose();
            _server.Dispose();
            Assert.True(_thread.Join(TimeSpan.FromSeconds(10)), "the server did not end");
            _listener.Dispose();
            Pump.Dispose();
            _backend.Dispose();
            Arena.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private uint Use(TransportDriver driver, ref SplitDriverRing ring, int queue, GuestSegment[] segments, int readable, Action meanwhile)
        {
            int before = driver.Interrupts(queue);
            ring.EnableCallbacks();
            Assert.True(ring.TryAdd(segments, readable, ++_token));
            ring.Publish();
            driver.Notify(queue);
            meanwhile();
            uint length;
            while (true)
            {
                Assert.True(SpinWait.SpinUntil(() => driver.Interrupts(queue) > before, TimeSpan.FromSeconds(10)), "no interrupt came");
                before = driver.Interrupts(queue);
                if (ring.TryGetUsed(out uint token, out length))
                {
                    Assert.Equal(_token, token);
                    return length;
                }
            }
        }
    }
}
