using Makatea.NvmeModel;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Parts;

/// <summary>When a register is written beside a shadow doorbell ([NVMe-2.1] Annex B.5).</summary>
public sealed class DoorbellTests
{
    [Theory]
    [InlineData(0, 0, 1, true)]
    [InlineData(0, 5, 1, false)]
    [InlineData(5, 5, 9, true)]
    [InlineData(5, 8, 9, true)]
    [InlineData(5, 9, 9, false)]
    [InlineData(60, 62, 3, true)]
    [InlineData(60, 0, 3, true)]
    public void The_register_is_written_when_the_event_index_is_passed(uint from, uint asked, uint to, bool written)
    {
        var space = new ModelDmaSpace();
        using var shadows = new ShadowDoorbells(space, 4);
        var bus = new Register();
        var doorbell = new QueueDoorbell(RegisterSpace.OnBus(bus, 0, 4));
        doorbell.Reset(shadows, 6);
        (SharedMemory word, SharedMemory eventIndex) = shadows.Take(6);
        eventIndex.ReleaseUInt32(0, 0);
        doorbell.Ring(from);
        bus.Writes.Clear();
        eventIndex.ReleaseUInt32(0, asked);
        Assert.Equal(written, doorbell.Ring(to));
        Assert.Equal(to, word.AcquireUInt32(0));
        Assert.Equal(written ? [to] : [], bus.Writes);
        Assert.Equal(to, BitConverter.ToUInt32(space.Resolve(shadows.Doorbells + 24, 4).AsSpan()));
    }

    private sealed class Register : RegisterBus
    {
        internal List<uint> Writes { get; } = [];

        public override ulong Read(ulong address, int width) => throw new NotSupportedException("doorbells are not read");

        public override void Write(ulong address, int width, ulong value) => Writes.Add((uint)value);
    }
}
