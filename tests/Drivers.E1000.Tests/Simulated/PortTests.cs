using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Drivers.E1000.Tests;

public sealed class PortTests
{
    private static readonly NetQueueOptions small = new() { TransmitDepth = 16, ReceiveDepth = 15 };

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void BringUpTellsWhatThePortIs(bool is82574, int queues)
    {
        using var bed = new Bed(is82574);
        NetPortInfo info = bed.Port.Info;
        Assert.Equal("52:54:00:12:34:56", info.Address.ToString());
        Assert.Equal((queues, true, 1000, 1500), (info.QueueCount, info.IsLinkUp, info.LinkSpeed, info.Mtu));
        Assert.True(bed.Function.IsBusMaster);
        Assert.Equal(1, bed.Adapter.Resets);

        // RCTL: not receiving before a queue is open. TCTL: EN and PSP. CTRL: SLU and VME.
        Assert.Equal(0U, bed.Adapter[0x100]);
        Assert.Equal(0xaU, bed.Adapter[0x400] & 0xa);
        Assert.Equal(0x40000040U, bed.Adapter[0] & 0x40000040);

        // RAL0 and RAH0, valid.
        Assert.Equal((0x12005452U, 0x80005634U), (bed.Adapter[0x5400], bed.Adapter[0x5404]));
        using NetQueue queue = bed.Port.OpenQueue(0, small);

        // EN, BAM, SECRC; 2048-byte buffers; no long frames.
        Assert.Equal(0x04008002U, bed.Adapter[0x100]);
    }

    [Fact]
    public void ABrokenNvmLeavesTheAddressRegister()
    {
        // The registers are cleared by the reset here; on a controller the NVM's address would be loaded.
        E1000Exception e = Assert.Throws<E1000Exception>(() => new Bed(true, prepare: a => a.Eeprom[5] ^= 1));
        Assert.Contains("checksum", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AControllerThatStaysInResetIsRefused()
    {
        E1000Exception e = Assert.Throws<E1000Exception>(() => new Bed(false, prepare: a => a.StaysInReset = true));
        Assert.Contains("in reset", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AControllerThatIsNotThereIsRefused()
    {
        E1000Exception e = Assert.Throws<E1000Exception>(() => new Bed(true, prepare: a => a.Missing = uint.MaxValue));
        Assert.Contains("all ones", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherDevicesAreRefusedAndGivenUp()
    {
        using var dma = new SimulatedDmaSpace();
        var function = new SimulatedFunction(0x1533, RegisterSpace.OnBus(new SimulatedAdapter(true, dma), 0, 0x20000), dma);
        Assert.Throws<ArgumentException>(() => E1000Port.Open(function));
        Assert.True(function.IsDisposed);
    }

    [Fact]
    public void OptionsThatAreNotPossibleAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Bed(true, options: new() { Mtu = 9213 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Bed(false, options: new() { Mtu = 67 }));
        using var bed = new Bed(true);
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Port.OpenQueue(2, small));
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Port.OpenQueue(0, small with { ReceiveBufferLength = 255 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Port.OpenQueue(0, small with { ReceiveDepth = 4096 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Port.OpenQueue(0, small with { TransmitDepth = 0 }));
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Port.OpenQueue(0, small));
        Assert.Throws<ArgumentException>(() => bed.Port.OpenQueue(1, small with { ReceiveBufferLength = 1024 }));
    }

    [Fact]
    public void QueuesAreOpenedAndClosedWithNothingLeftMapped()
    {
        using var bed = new Bed(true);
        int mappings = bed.Dma.Mappings.Count;
        for (int i = 0; i < 3; i++)
        {
            NetQueue first = bed.Port.OpenQueue(0, small);
            NetQueue second = bed.Port.OpenQueue(1, small);
            first.Supply(bed.Buffers(10));
            second.Supply(bed.Buffers(10));
            Assert.True(bed.Adapter.Receive(Bed.Pattern(64), queue: 1));

            // While queue 0 closes, queue 1 keeps what it has.
            first.Dispose();
            Assert.Equal(0U, bed.Adapter[0x2808]);
            Assert.Single(bed.Receive(second));
            Assert.True(bed.Adapter.Receive(Bed.Pattern(64), queue: 1));
            Assert.Single(bed.Receive(second));
            second.Dispose();
            second.Dispose();
            Assert.Equal(mappings, bed.Dma.Mappings.Count);
        }

        Assert.Equal(6UL, bed.Port.ReadStatistics().ReceivedFrames);
    }

    [Fact]
    public void FramesAreSpreadOverTheQueuesThatAreOpen()
    {
        using var bed = new Bed(true);
        NetQueue second = bed.Port.OpenQueue(1, small);
        Assert.Equal(0x80808080U, bed.Adapter[0x5c00]);
        NetQueue first = bed.Port.OpenQueue(0, small);
        Assert.Equal(0x80008000U, bed.Adapter[0x5c7c]);
        second.Dispose();
        Assert.Equal(0U, bed.Adapter[0x5c00]);
        first.Dispose();

        // MRQC: two queues, by the four hashes that need no extension headers; RXCSUM.PCSD; RFCTL.EXSTEN.
        Assert.Equal(0x170001U, bed.Adapter[0x5818]);
        Assert.Equal(0x2300U, bed.Adapter[0x5000]);
        Assert.Equal(0x8000U, bed.Adapter[0x5008] & 0x8000);
    }

    [Fact]
    public void FiltersAreTables()
    {
        using var bed = new Bed(true);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        MacAddress.TryParse("01:00:5e:00:00:fb", out MacAddress group);
        MacAddress.TryParse("52:54:00:aa:bb:cc", out MacAddress own);
        bed.Port.SetFilter(new() { Multicast = [group], Unicast = [own], Vlans = [1, 100, 4094] });

        // MO = 0: bits 47:36 of 00:fb are 0xfb0.
        Assert.Equal(1U << 0x10, bed.Adapter[0x5200 + (4 * (0xfb0 >> 5))]);
        Assert.Equal((0xaa005452U, 0x8000ccbbU), (bed.Adapter[0x5408], bed.Adapter[0x540c]));
        Assert.Equal(3U, bed.Adapter[0x5600]);
        Assert.Equal(1U << 4, bed.Adapter[0x5600 + (4 * 3)]);
        Assert.Equal(1U << 30, bed.Adapter[0x5600 + (4 * 127)]);
        Assert.Equal(0x04048002U, bed.Adapter[0x100]);
        bed.Port.SetFilter(new() { Promiscuous = true, Vlans = [3] });
        Assert.Equal(0x0400801aU, bed.Adapter[0x100]);
        bed.Port.SetFilter(new() { AllMulticast = true, Unicast = [.. Enumerable.Range(1, 15).Select(i => new MacAddress(0x525400000000 + (ulong)i))] });

        // One more than there is room for.
        Assert.Equal(0x0400801aU, bed.Adapter[0x100]);
        bed.Port.SetFilter(new());
        Assert.Equal(0x04008002U, bed.Adapter[0x100]);
        Assert.Equal(0U, bed.Adapter[0x540c]);
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Port.SetFilter(new() { Vlans = [4095] }));
    }

    [Theory]
    [InlineData(PciInterruptKind.MsiX, 5, 2)]
    [InlineData(PciInterruptKind.MsiX, 1, 1)]
    [InlineData(PciInterruptKind.Msi, 1, 1)]
    [InlineData(PciInterruptKind.Pin, 1, 1)]
    [InlineData(PciInterruptKind.MsiX, 0, 2)]
    public void ThereAreAsManyQueuesAsCanBeWoken(PciInterruptKind kind, int most, int queues)
    {
        using var bed = new Bed(true, kind, most);
        Assert.Equal(queues, bed.Port.Info.QueueCount);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        Assert.Equal(most != 0, queue.Events is not null);
        queue.Supply(bed.Buffers(3));
        long deadline = queue.Arm();
        Assert.InRange(deadline - TimeProvider.System.GetTimestamp(), 0, TimeProvider.System.TimestampFrequency * (most == 0 ? 0.001 : 1));
        bed.Adapter.Receive(Bed.Pattern(64));
        Assert.Equal(BlockQueue.Ready, queue.Arm());
        bed.Receive(queue);
        Assert.NotEqual(BlockQueue.Ready, queue.Arm());
    }

    [Fact]
    public void VectorsAreMappedClearedAndMasked()
    {
        using var bed = new Bed(true);
        using NetQueue first = bed.Port.OpenQueue(0, small);
        using NetQueue second = bed.Port.OpenQueue(1, small);

        // IVAR: RXQ0 and TXQ0 and other causes to vector 0, RXQ1 and TXQ1 to 1; EIAC and IAM: the queues' causes; EITR: 50 us in 256 ns.
        Assert.Equal(0x00089898U, bed.Adapter[0xe4]);
        Assert.Equal((0xf00000U, 0xf00000U), (bed.Adapter[0xdc], bed.Adapter[0xe0]));
        Assert.Equal((195U, 195U), (bed.Adapter[0xe8], bed.Adapter[0xec]));
        first.Arm();
        Assert.Equal(0x01500004U, bed.Adapter[0xd0]);
        second.Arm();
        Assert.Equal(0x01f00004U, bed.Adapter[0xd0]);
    }

    [Fact]
    public void ASharedInterruptIsReadClearedAndUnmasked()
    {
        using var bed = new Bed(false, PciInterruptKind.Pin, 1);
        using NetQueue queue = bed.Port.OpenQueue(0, small);
        Assert.Equal(0x85U, bed.Adapter[0xd0]);
        Assert.Equal(195U, bed.Adapter[0xc4]);
        queue.Supply(bed.Buffers(2));
        bed.Adapter.Receive(Bed.Pattern(64));
        Assert.Equal(BlockQueue.Ready, queue.Arm());
        Assert.Equal(0U, bed.Adapter[0xc0]);
        Assert.Equal(1, bed.Function.Rearmed);
    }

    [Fact]
    public void TheEndSwitchesEverythingOff()
    {
        var bed = new Bed(true);
        NetQueue queue = bed.Port.OpenQueue(0, small);
        queue.Supply(bed.Buffers(3));
        bed.Port.Dispose();
        queue.Dispose();
        Assert.Equal((0U, 0U, 0U), (bed.Adapter[0x100], bed.Adapter[0x400] & 2, bed.Adapter[0xd0]));
        Assert.False(bed.Function.IsBusMaster);
        Assert.True(bed.Function.IsDisposed);
        Assert.Empty(bed.Dma.Mappings);
        bed.Dispose();
    }
}
