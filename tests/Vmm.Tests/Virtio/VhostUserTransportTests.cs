using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Vmm.Tests.Virtio;

/// <summary>Both transports over our own back end, from registers to the disk.</summary>
public sealed class VhostUserTransportTests
{
    private const ulong Basic = VirtioFeatures.Version1 | VirtioFeatures.EventIndex;

    [Theory]
    [InlineData("mmio", false, 1)]
    [InlineData("mmio", true, 2)]
    [InlineData("pci", false, 2)]
    [InlineData("pci", true, 1)]
    public void What_a_guest_writes_is_on_the_disk_and_comes_with_an_interrupt(string transport, bool packed, int queues)
    {
        using BlockBed bed = new(queues);
        List<string> reports = [];
        using TransportDriver driver = TransportDriver.Create(transport, bed.Device, reports);
        Assert.Equal((2U, queues, (ushort)256), (driver.DeviceType, driver.QueueCount, driver.LargestQueue(0)));
        Assert.Equal((ulong)BlockBed.DiskLength / 512, driver.ReadConfig(0, 8));
        Assert.Equal(0UL, driver.Offered & (VhostUserFeatures.ProtocolFeatures | VhostUserFeatures.LogAll));
        for (int round = 0; round < 3; round++)
        {
            // Each round after a reset: the back end starts anew on the same connection.
            RingAreas[] rings = driver.Start(bed.Arena, Basic | (packed ? VirtioFeatures.PackedRing : 0));
            Assert.Empty(reports);
            Assert.Equal(0xf, driver.Status);
            for (int queue = 0; queue < queues; queue++)
            {
                DriverRingSetup setup = new() { Areas = rings[queue], Features = Basic | (packed ? VirtioFeatures.PackedRing : 0) };
                byte fill = (byte)(0x30 + (round * 8) + queue);
                if (packed)
                {
                    WriteSector(PackedDriverRing.Create(setup), driver, bed, queue, fill);
                }
                else
                {
                    WriteSector(SplitDriverRing.Create(setup), driver, bed, queue, fill);
                }

                Assert.True(bed.Disk.Bytes.Slice(queue * 512, 512).IndexOfAnyExcept(fill) < 0);
            }
        }

        driver.Status = 0;
        Assert.Equal(0, driver.Status);
    }

    [Theory]
    [InlineData("mmio")]
    [InlineData("pci")]
    public void A_queue_outside_the_guest_s_memory_fails_the_device_until_it_is_reset(string transport)
    {
        using BlockBed bed = new();
        List<string> reports = [];
        using TransportDriver driver = TransportDriver.Create(transport, bed.Device, reports);
        foreach (ulong address in (ulong[])[0x2_0000_0000, 0xf_ffc0, ulong.MaxValue - 0xff])
        {
            driver.Status = 0;
            driver.Status = 3;
            driver.Accept(Basic);
            driver.Status = 0xb;
            driver.SetUpQueue(0, 64, address, 0x1000, 0x2000);
            driver.Status = 0xf;
            Assert.Equal(0x4f, driver.Status);
            Assert.Contains($"0x{address:x}, which is not in the guest's memory", reports[^1]);
        }

        driver.Start(bed.Arena, Basic);
        Assert.Equal(0xf, driver.Status);
    }

    [Fact]
    public void A_back_end_that_goes_away_fails_the_device()
    {
        using BlockBed bed = new();
        List<string> reports = [];
        using TransportDriver driver = TransportDriver.Create("mmio", bed.Device, reports);
        bed.StopBackEnd();
        driver.Status = 3;
        driver.Accept(Basic);
        driver.Status = 0xb;
        driver.SetUpQueue(0, 64, 0, 0x1000, 0x2000);
        driver.Status = 0xf;
        Assert.Equal(0x4f, driver.Status);
        Assert.Single(reports);
    }

    private static void WriteSector<TRing>(TRing ring, TransportDriver driver, BlockBed bed, int queue, byte fill)
        where TRing : struct, IDriverRing<TRing>
    {
        GuestBuffer buffer = bed.Arena.Allocate(16 + 512 + 1, region: 1);
        buffer.AsShared().ReleaseUInt32(0, 1);
        buffer.AsShared().ReleaseUInt64(8, (ulong)queue);
        buffer.Slice(16, 512).AsSpan().Fill(fill);
        buffer.AsSpan()[528] = 0xff;
        int before = driver.Interrupts(queue);
        ring.EnableCallbacks();
        Assert.True(ring.TryAdd([buffer.Slice(0, 16).AsElement(), buffer.Slice(16, 512).AsElement(), buffer.Slice(528, 1).AsElement()], 2, 7));
        ring.Publish();
        driver.Notify(queue);

        // A back end may ring without need, when its doorbell is handed over, say.
        uint token;
        while (true)
        {
            Assert.True(SpinWait.SpinUntil(() => driver.Interrupts(queue) > before, TimeSpan.FromSeconds(10)), "no interrupt came");
            before = driver.Interrupts(queue);
            if (ring.TryGetUsed(out token, out _))
            {
                break;
            }
        }

        Assert.Equal((7U, 0), (token, buffer.AsSpan()[528]));
    }
}
