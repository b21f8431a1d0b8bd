using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests;

/// <summary>A virtio-blk device served on a real socket, as a storage domain serves it, and drivers of the test kit that connect to it.</summary>
internal sealed class BackendBed : IDisposable
{
    public const int DiskLength = 8 << 20;
    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly UnixChannelListener _listener;
    private readonly VirtioBlockDevice _device;
    private readonly Thread _thread;

    /// <param name="queues">Number of queues of the device.</param>
    /// <param name="disk">The disk, for several back-ends one after the other; null for one of its own.</param>
    /// <param name="folder">Where the socket is, likewise.</param>
    public BackendBed(int queues = 1, TestDisk? disk = null, string? folder = null)
    {
        _ownsFolder = folder is null;
        _folder = folder ?? Directory.CreateTempSubdirectory("vhost-user").FullName;
        Disk = disk ?? new TestDisk(DiskLength);
        _device = new VirtioBlockDevice(Disk, new VirtioBlockOptions { Name = "disk", QueueCount = queues });
        _listener = UnixChannelListener.Bind(SocketPath);
        Server = new VhostUserServer(_device, TestHosts.Linux) { WatchInterval = TimeSpan.FromMilliseconds(100) };
        _thread = new Thread(() => Server.Serve(_listener)) { IsBackground = true };
        _thread.Start();
    }

    public TestDisk Disk { get; }

    public VhostUserServer Server { get; }

    public string SocketPath => Path.Combine(_folder, "blk.sock");

    public MessageChannel Connect() => UnixMessageChannel.Connect(SocketPath);

    public VirtioBlkDriver Drive(VirtioBlkDriverOptions? options = null) => new(Connect(), TestHosts.Linux, options ?? new VirtioBlkDriverOptions());

    public void Dispose()
    {
        Disk.Release();
        Server.Dispose();
        Assert.True(_thread.Join(TimeSpan.FromSeconds(10)), "the server did not end");
        _listener.Dispose();
        _device.Dispose();
        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}

/// <summary>The host that tests run on.</summary>
internal static class TestHosts
{
    public static LinuxHost Linux { get; } = new();
}
