using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Domains.Storage.Tests;

/// <summary>A storage domain in this process, over real files and sockets.</summary>
public sealed class StorageDomainTests : IDisposable
{
    private const int DiskLength = 4 << 20;
    private static readonly byte[] _written = [.. Enumerable.Repeat((byte)0x5A, 4096)];
    private readonly DomainBed _bed = new();
    private readonly byte[] _read = new byte[4096];

    [Fact]
    public void A_disk_over_a_template_keeps_its_writes_to_itself_and_over_the_domains_end()
    {
        _bed.File("template", Pattern(), MemoryAccess.Read).File("overlay", NewOverlay()).File("other", NewOverlay()).Memory("map", OverlayDevice.MapLength(DiskLength))
            .Device("kept", "template=grant:template overlay=grant:overlay overlay-mode=kept overlay-map=grant:map serial=root queues=2")
            .Device("volatile", "template=grant:template overlay=grant:other");
        using (StorageDomain domain = _bed.Start())
        {
            Assert.Contains("'volatile' has no memory for its overlay's map", Assert.Single(domain.Notices));
            using VirtioBlkDriver kept = _bed.Drive("kept", 2);
            using VirtioBlkDriver other = _bed.Drive("volatile");
            Assert.Equal(BlkStatus.Ok, kept.GetId(out string id));
            Assert.Equal("root", id);
            Assert.Equal((ulong)DiskLength / 512, kept.Config.Capacity);
            Assert.Equal(BlkStatus.Ok, kept.Write(8, _written, 1));
            Assert.Equal(BlkStatus.Ok, other.Write(16, _written));
            Assert.Equal(BlkStatus.Ok, kept.Read(8, _read));
            Assert.Equal(_written, _read);
            Assert.Equal(BlkStatus.Ok, kept.Read(16, _read));
            Assert.Equal(Pattern()[(16 * 512)..(24 * 512)], _read);
        }

        Assert.Equal(Pattern(), File.ReadAllBytes(_bed.PathOf("template")));

        // The guest flushed nothing, and the end of the domain is no power cut. The map's memory is gone by now.
        using var next = new DomainBed();
        File.Copy(_bed.PathOf("overlay"), next.PathOf("overlay"));
        next.File("template", Pattern(), MemoryAccess.Read).File("overlay").Device("kept", "template=grant:template overlay=grant:overlay overlay-mode=kept");
        using StorageDomain again = next.Start();
        using VirtioBlkDriver driver = next.Drive("kept");
        Assert.Equal(BlkStatus.Ok, driver.Read(8, _read));
        Assert.Equal(_written, _read);
    }

    [Fact]
    public void A_partition_is_served_and_the_use_of_the_backup_table_noticed()
    {
        GptImage image = new GptImage(blocks: 2048).Add(1, "boot", 64, 127).Add(2, "root", 128, 255);
        image.Primary.Clear();
        _bed.File("disk", image.Bytes).Device("disk", "image=grant:disk partition=root");
        using (StorageDomain domain = _bed.Start())
        {
            Assert.Contains("backup of its disk's partition table", Assert.Single(domain.Notices));
            using VirtioBlkDriver driver = _bed.Drive("disk");
            Assert.Equal(128ul, driver.Config.Capacity);
            Assert.Equal(BlkStatus.Ok, driver.Write(0, _written));
        }

        Assert.Equal(_written, File.ReadAllBytes(_bed.PathOf("disk")).AsSpan(128 * 512, 4096));
    }

    [Theory]
    [InlineData("image=grant:disk read-only=true", MemoryAccess.ReadWrite)]
    [InlineData("image=grant:disk", MemoryAccess.Read)]
    public void A_disk_is_read_only_where_it_is_said_so_or_no_more_was_granted(string options, MemoryAccess access)
    {
        _bed.File("disk", Pattern(), access).Device("disk", options);
        using StorageDomain domain = _bed.Start();
        using VirtioBlkDriver driver = _bed.Drive("disk");
        Assert.NotEqual(0ul, driver.Features & BlkFeatures.ReadOnly);
        Assert.Equal(BlkStatus.IoError, driver.Write(0, _written));
        Assert.Equal(BlkStatus.Ok, driver.Read(0, _read));
        Assert.Equal(Pattern()[..4096], _read);
    }

    [Theory]
    [InlineData("image=grant:missing", "virtio-blk", "was not granted 'missing'; did you mean 'missin'?")]
    [InlineData("image=grant:disk qeues=2", "virtio-blk", "no option 'qeues'; did you mean 'queues'?")]
    [InlineData("image=grant:disk engine=warp", "virtio-blk", "option engine is 'warp' and must be one of auto, mapped")]
    [InlineData("image=grant:disk", "virtio-blck", "no module registers the backend 'virtio-blck'; did you mean 'virtio-blk'?")]
    [InlineData("image=grant:memory", "virtio-blk", "grant 'memory' is a Region and is used as a File")]
    [InlineData("image=grant:disk write-cache-memory=grant:disk", "virtio-blk", "must be grant:NAME with the name of a region")]
    [InlineData("image=grant:disk partition=7", "virtio-blk", "sector 0 holds no MBR")]
    [InlineData("template=grant:disk overlay=grant:disk", "virtio-blk", "needs")]
    public void A_device_that_cannot_be_opened_fails_the_domain_or_itself_alone(string options, string backend, string message)
    {
        _bed.File("missin", new byte[512]).File("good", new byte[DiskLength]).File("disk", new byte[DiskLength]).Memory("memory", 4096)
            .Device("bad", options, backend).Device("good", "image=grant:good");
        Exception thrown = Assert.ThrowsAny<Exception>(() => _bed.Start());
        Assert.Contains(message, thrown.Message);

        var failures = new List<(string Device, string Message)>();
        using StorageDomain domain = _bed.Start(new StorageDomainOptions { DeviceFailed = (d, e) => failures.Add((d.Name, e.Message)) });
        Assert.Equal([("bad", thrown.Message)], failures);
        using VirtioBlkDriver driver = _bed.Drive("good");
        Assert.Equal(BlkStatus.Ok, driver.Write(0, _written));
    }

    [Fact]
    public void A_front_end_that_breaks_the_protocol_ends_its_own_connection_alone()
    {
        _bed.File("a", Pattern()).File("b", Pattern()).Device("a", "image=grant:a").Device("b", "image=grant:b");
        using StorageDomain domain = _bed.Start();
        using VirtioBlkDriver good = _bed.Drive("b");
        using (MessageChannel bad = _bed.Connect("a"))
        {
            bad.Send([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], []);
            Assert.Equal(0, bad.Receive(new byte[16], []));
        }

        Assert.Equal(BlkStatus.Ok, good.Write(0, _written));
        using VirtioBlkDriver next = _bed.Drive("a");
        Assert.Equal(BlkStatus.Ok, next.Read(0, _read));
    }

    [Fact]
    public void What_the_domain_counts_can_be_collected()
    {
        _bed.File("template", Pattern(), MemoryAccess.Read).File("overlay", NewOverlay())
            .Device("metered", "template=grant:template overlay=grant:overlay iops=20 burst-ms=50 queues=2").Device("metered idle", "null=1048576");
        using var metrics = new MetricsCollector();
        using (StorageDomain domain = _bed.Start())
        {
            using VirtioBlkDriver driver = _bed.Drive("metered", 2);
            for (ulong i = 0; i < 4; i++)
            {
                Assert.Equal(BlkStatus.Ok, driver.Write(i * 16, _written, (int)i % 2));
            }

            IReadOnlyList<MetricSample> samples = metrics.Collect();
            Assert.Equal(1, Sum(samples, "connected", "metered"));
            Assert.Equal(0, Sum(samples, "connected", "metered idle"));
            Assert.Equal(4 * 4096, Sum(samples, "overlay_bytes", "metered"));
            Assert.InRange(Sum(samples, "throttled", "metered"), 2, 4);
            Assert.Equal(4, Sum(samples, "writes", "metered"));
            Assert.Equal(4 * 4096, Sum(samples, "written_bytes", "metered"));
        }

        Assert.DoesNotContain(metrics.Collect(), s => s.Tags.TryGetValue("device", out string? device) && device == "metered");
    }

    public void Dispose() => _bed.Dispose();

    private static double Sum(IEnumerable<MetricSample> samples, string name, string device) =>
        samples.Where(s => s.Name == name && s.Tags.GetValueOrDefault("device") == device).Sum(s => s.Value);

    private static byte[] Pattern() => [.. Enumerable.Range(0, DiskLength).Select(i => Overlays.Expected(i / 512))];

    private static byte[] NewOverlay() => new byte[OverlayDevice.StorageLength(DiskLength)];
}
