using Makatea.Domains.Storage;
using Makatea.Sel4.Programs;
using Makatea.Virtio;
using Makatea.Virtio.Block;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>virtio-blk between two components: the unchanged device and its transport, and the client of the images.</summary>
public sealed class StorageTests : IDisposable
{
    private const string Disk = "client/data";
    private readonly ModelSystem _system = new();
    private readonly ModelComponent _client;
    private readonly MemoryDevice _disk = new(1 << 20);

    public StorageTests()
    {
        _system.AddDisk(Disk, 1 << 20);
        _client = new(_system, "client", _system.Disk(Disk, serves: false));
    }

    public void Dispose()
    {
        _disk.Dispose();
        _system.Dispose();
    }

    [Fact]
    public void A_client_writes_and_reads_what_it_wrote()
    {
        using Served served = new(_system, _disk, 1);
        using GuestDisk disk = Open();
        Assert.Equal(256, disk.Blocks);
        var trial = new DiskTrial(disk, seed: 7, blocks: 200);
        for (int i = 0; i < 5; i++)
        {
            trial.Next();
        }

        Assert.Equal(0, disk.Deaths);
        Span<byte> stored = new byte[GuestDisk.BlockSize];
        Read(199, stored);
        Assert.Null(BlockPattern.Check(stored, 7, 199, 5));
        Assert.NotNull(BlockPattern.Check(stored, 7, 199, 4));
        Assert.NotNull(BlockPattern.Check(stored, 7, 198, 5));
        stored[4000] ^= 1;
        Assert.NotNull(BlockPattern.Check(stored, 7, 199, 5));
    }

    [Fact]
    public async Task Requests_outlive_the_domain_that_was_doing_them()
    {
        Served served = new(_system, _disk, 1);
        using GuestDisk disk = Open();
        var trial = new DiskTrial(disk, seed: 8, blocks: 200);
        Task running = Task.Run(() =>
        {
            while (disk.Deaths < 3)
            {
                trial.Next();
            }

            trial.Next();
        });
        for (ulong i = 2; i < 5 && !running.IsCompleted; i++)
        {
            // One that died before it served anything would not be missed by its client, and not counted.
            long before = disk.Requests;
            Assert.True(SpinWait.SpinUntil(() => disk.Requests > before + 50 || running.IsCompleted, TimeSpan.FromSeconds(30)), "nobody serves the disk");
            served.Die();
            served = new(_system, _disk, i);
            SpinWait.SpinUntil(() => disk.Deaths == (int)i - 1 || running.IsCompleted, TimeSpan.FromSeconds(30));
        }

        await running.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(3, disk.Deaths);
        served.Dispose();
    }

    private GuestDisk Open() => new(
        _client.Component.Host,
        () =>
        {
            using Grant grant = _client.Component.Grants.Open(new ManifestGrant(Disk, GrantType.Channel, 0));
            return grant.OpenChannel();
        },
        static c => ((RegionChannel)c).IsEnded,
        1 << 20,
        TimeSpan.FromSeconds(30),
        static _ => { });

    private void Read(ulong block, Span<byte> destination)
    {
        using NativeArray<byte> bytes = new(GuestDisk.BlockSize);
        using NativeArray<MemorySegment> segments = new(1);
        segments[0] = bytes.AsSegment();
        using BlockQueue queue = _disk.OpenQueue(1);
        queue.Submit([new BlockRequest { Sector = block * 8, SectorCount = 8, Data = ScatterList.Of(segments, 0, 1), Operation = BlockOperation.Read }]);
        Span<BlockCompletion> completions = stackalloc BlockCompletion[1];
        Assert.Equal(1, queue.Poll(completions));
        Assert.Equal(BlockStatus.Ok, completions[0].Status);
        bytes.AsSpan().CopyTo(destination);
    }

    /// <summary>A domain that serves the disk.</summary>
    private sealed class Served : IDisposable
    {
        private readonly ModelComponent _component;
        private readonly VirtioBlockDevice _device;
        private readonly ChannelListener _listener;
        private readonly VhostUserServer _server;
        private readonly Thread _thread;

        public Served(ModelSystem system, BlockDevice disk, ulong generation)
        {
            _component = new(system, "storage", system.Disk(Disk, serves: true), generation);
            _device = new VirtioBlockDevice(new Lasting(disk), new VirtioBlockOptions { Name = "disk" });
            _listener = _component.Component.Grants.OpenListener(new ManifestGrant(Disk, GrantType.Listener, 0));
            _server = new VhostUserServer(_device, _component.Component.Host);
            _thread = new Thread(() => _server.Serve(_listener)) { IsBackground = true };
            _thread.Start();
        }

        /// <summary>Nothing of it is heard, and nothing hears it; that its threads are still there changes nothing.</summary>
        public void Die() => _component.Die();

        public void Dispose()
        {
            _server.Close();
            _thread.Join();
            _server.Dispose();
            _listener.Dispose();
            _device.Dispose();
        }
    }

    /// <summary>A disk that several domains have one after the other.</summary>
    private sealed class Lasting(BlockDevice disk) : BlockDevice
    {
        public override BlockDeviceInfo Info => disk.Info;

        public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => disk.OpenQueue(depth, completions);

        protected override void Dispose(bool disposing)
        {
        }
    }
}
