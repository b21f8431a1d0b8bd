using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;
using Makatea.Virtio.Tests;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests.Virtio;

/// <summary>A block device that our back end serves on a socket, with a guest's memory, as the VMM has it.</summary>
internal sealed class BlockBed : IDisposable
{
    public const int DiskLength = 1 << 20;
    private const uint BlockDevice = 2;
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-vmm-").FullName;
    private readonly UnixChannelListener _listener;
    private readonly VirtioBlockDevice _backend;
    private readonly VhostUserServer _server;
    private readonly Thread _thread;

    public BlockBed(int queues = 1, ulong withheld = 0)
    {
        _backend = new VirtioBlockDevice(Disk, new VirtioBlockOptions { Name = "disk", QueueCount = queues });
        string path = Path.Combine(_folder, "blk.sock");
        _listener = UnixChannelListener.Bind(path);
        _server = new VhostUserServer(_backend, Makatea.Virtio.Tests.TestHosts.Linux);
        _thread = new Thread(() => _server.Serve(_listener)) { IsBackground = true };
        _thread.Start();
        Arena = new GuestArena(Makatea.Virtio.Tests.TestHosts.Linux, new GuestRange(0, 1 << 20), new GuestRange(1UL << 32, 4 << 20));
        Device = new VhostUserDevice(
            UnixMessageChannel.Connect(path), Makatea.Virtio.Tests.TestHosts.Linux, Arena.Memory,
            new VhostUserDeviceOptions { DeviceType = BlockDevice, QueueCount = queues, ConfigLength = 60, WithheldFeatures = withheld });
    }

    public TestDisk Disk { get; } = new(DiskLength);

    public GuestArena Arena { get; }

    public VhostUserDevice Device { get; }

    /// <summary>The back end ends, as if it had crashed.</summary>
    public void StopBackEnd()
    {
        _server.Dispose();
        Assert.True(_thread.Join(TimeSpan.FromSeconds(10)), "the server did not end");
    }

    public void Dispose()
    {
        Device.Dispose();
        StopBackEnd();
        _listener.Dispose();
        _backend.Dispose();
        Arena.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
