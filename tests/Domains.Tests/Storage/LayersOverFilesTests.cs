using Makatea.BlockContract;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Domains.Storage.Tests;

/// <summary>All layers over real files whose requests end on other threads: two devices' queues ring one doorbell, and the user sleeps on it.</summary>
public abstract class LayersOverFiles(FileEngine engine) : BlockDeviceContract, IDisposable
{
    private const int DiskLength = (1 << 20) + (5 * 512);
    private const ulong PartitionStart = 7;
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-layers-").FullName;

    protected override ComponentHost Host { get; } = new LinuxHost();

    public void Dispose() => Directory.Delete(_folder, true);

    protected override BlockDevice CreateDevice()
    {
        string template = Path.Combine(_folder, "template");
        string overlay = Path.Combine(_folder, "overlay");
        byte[] bytes = new byte[DiskLength];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(template, bytes);
        using (FileStream file = File.Create(overlay))
        {
            file.SetLength((long)OverlayDevice.StorageLength(DiskLength));
        }

        var options = new FileBlockOptions { Engine = engine };
        BlockDevice disk = new PartitionDevice(FileBlockDevice.Open(template, options with { ReadOnly = true }), PartitionStart, (DiskLength / 512) - PartitionStart);
        disk = OverlayDevice.Open(disk, FileBlockDevice.Open(overlay, options), OverlayMode.Kept, Host);
        return new RateLimitDevice(disk, new RateLimits { OperationsPerSecond = 200_000, OperationsBurst = 8, BytesPerSecond = 4L << 30 });
    }
}

public sealed class LayersOverThreadsTests() : LayersOverFiles(FileEngine.Threads);

/// <summary>By io_uring, and by threads again where the kernel refuses it.</summary>
public sealed class LayersOverFilesOfDefaultEngineTests() : LayersOverFiles(FileEngine.Auto);
