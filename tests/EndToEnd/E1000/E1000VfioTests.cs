using Xunit.Abstractions;

namespace Makatea.EndToEnd;

/// <summary>The E1000 driver over VFIO: a guest with VT-d, in which a program compiled ahead of time drives an 82574L.</summary>
public sealed class E1000VfioTests(ITestOutputHelper output)
{
    private const uint Frames = 1_000_000;

    /// <summary>
    /// Both queues with their interrupts, checksums put in and checked by the adapter, VLANs, bodies from where they are: nothing is lost, changed or out of order.
    /// </summary>
    [SkippableFact]
    [Trait("Category", "Guest")]
    public async Task A_million_frames_go_each_way()
    {
        using var scratch = new Scratch();
        string wire = scratch.File("wire");
        using var peer = new TrafficPeer(wire, Frames, [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        using Guest guest = Guest.Boot(scratch, new GuestOptions
        {
            HasIommu = true,
            Cores = 2,
            Initramfs = GuestAssets.InitramfsWith("E1000Traffic"),
            Arguments = ["-netdev", $"stream,id=n0,server=off,addr.type=unix,addr.path={wire}", "-device", "e1000e,netdev=n0,mac=52:54:00:12:34:56,addr=6"],
        });
        guest.Run("modprobe -a vfio-pci vfio_iommu_type1");
        guest.Run("echo 16 >/proc/sys/vm/nr_hugepages");
        Task exchange = peer.RunAsync();
        (int status, string text) = guest.TryRun($"e1000traffic 0000:00:06.0 {Frames}", seconds: 400);
        output.WriteLine($"{text}\n{peer}");
        Assert.True(status == 0, $"{text}\n{peer}\n{exchange.Exception}");
        await exchange.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((Frames, Frames), (peer.Received, peer.Acknowledged));

        // Linux's IOMMU driver saw nothing out of bounds.
        Assert.Equal("", guest.TryRun("dmesg | grep 'DMAR: .DMA'").Output);
        guest.PowerOff();
    }
}
