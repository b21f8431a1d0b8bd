using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;
using Makatea.Vmm.Pci;
using Makatea.Vmm.Tests.Pci;
using Makatea.Vmm.Tests.Virtio;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests.Snapshots;

/// <summary>Virtio devices in a file: what was negotiated, where queues are and stopped, vectors; and a back end that goes on from there.</summary>
public sealed class VirtioStateTests
{
    private const ulong Basic = VirtioFeatures.Version1 | VirtioFeatures.EventIndex;
    private const int Slot = 7;

    private readonly List<string> _reports = [];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_disk_goes_on_from_where_its_back_end_stopped(bool packed)
    {
        ulong features = Basic | (packed ? VirtioFeatures.PackedRing : 0);
        using BlockBed bed = new();
        var line = new RecordingLine();
        var device = new VirtioMmioDevice(bed.Device, line, _reports.Add);
        RingAreas ring = Start(device, bed, features);
        if (packed)
        {
            Check(PackedDriverRing.Create(new() { Areas = ring, Features = features }));
        }
        else
        {
            Check(SplitDriverRing.Create(new() { Areas = ring, Features = features }));
        }

        void Check<TRing>(TRing driver)
            where TRing : struct, IDriverRing<TRing>
        {
            for (int sector = 0; sector < 100; sector++)
            {
                Write(ref driver, device, bed, sector);
            }

            ((ISuspendable)device).Suspend();
            byte[] state = device.Bytes();

            // What is asked meanwhile is done when it goes on.
            GuestBuffer waiting = Ask(ref driver, bed, 100);
            device.Write(0x050, 4, 0);
            Thread.Sleep(50);
            Assert.Equal(0xff, waiting.AsSpan()[528]);

            // The back end of the first is the second's as well, after a reset by the first.
            var otherLine = new RecordingLine();
            var other = new VirtioMmioDevice(bed.Device, otherLine, _reports.Add);
            other.With(state);
            device.Reset();
            ((ISuspendable)other).Resume();
            Finish(ref driver, waiting);
            Assert.True(otherLine.Edges > 0);
            for (int sector = 101; sector < 400; sector++)
            {
                Write(ref driver, other, bed, sector);
            }

            Assert.Empty(_reports);
            for (int sector = 0; sector < 400; sector++)
            {
                Assert.True(bed.Disk.Bytes.Slice(sector * 512, 512).IndexOfAnyExcept((byte)(sector + 1)) < 0);
            }
        }
    }

    [Fact]
    public void A_device_that_serves_goes_on_after_it_was_suspended()
    {
        using BlockBed bed = new();
        var device = new VirtioMmioDevice(bed.Device, new RecordingLine(), _reports.Add);
        SplitDriverRing driver = SplitDriverRing.Create(new() { Areas = Start(device, bed, Basic), Features = Basic });
        for (int round = 0; round < 20; round++)
        {
            ((ISuspendable)device).Suspend();
            ((ISuspendable)device).Resume();
            Write(ref driver, device, bed, round);
        }

        Assert.Empty(_reports);
    }

    [Fact]
    public void Another_device_is_refused_by_what_differs()
    {
        FakeFrontEnd front = new();
        var device = new VirtioMmioDevice(front, new RecordingLine(), _reports.Add);
        device.Write(0x070, 4, 3);
        byte[] state = device.Bytes();
        Refused("2 queues; this one has 3", new FakeFrontEnd(3), state);
        FakeFrontEnd writable = new();
        writable.Config[3] = 77; // The driver's to write, and taken.
        _ = new VirtioMmioDevice(writable, new RecordingLine(), _reports.Add).With(state);
        Assert.Equal(4, writable.Config[3]);
        Refused("of kind 2", new FakeFrontEnd(), With(state, 4, 2));
        Refused("offers 0x", new FakeFrontEnd(), With(With(state, 5, 0xb), 6, ulong.MaxValue));
        Refused("offers 0x", new FakeFrontEnd(), With(state, 7, 1)); // It runs, though nothing was agreed.
        int refused = SavedDevice.Damage(state, bytes => new VirtioMmioDevice(new FakeFrontEnd(), new RecordingLine(), _reports.Add).Taking(bytes));
        Assert.True(refused > 60);
    }

    [Fact]
    public void A_disk_of_another_length_is_refused()
    {
        using BlockBed bed = new();
        byte[] state = new VirtioMmioDevice(bed.Device, new RecordingLine(), _reports.Add).Bytes();
        byte[] longer = With(state, 11, BitConverter.ToUInt64(state, 11 * 8) + 1);
        Assert.Equal((ulong)BlockBed.DiskLength / 512, BitConverter.ToUInt64(state, 11 * 8));
        Assert.Contains("differ from byte 0 on", Assert.Throws<InvalidDataException>(() => new VirtioMmioDevice(bed.Device, new RecordingLine(), _reports.Add).Taking(longer)).Message);
    }

    [Fact]
    public void A_function_is_restored_where_it_was_with_its_vectors_and_doorbells()
    {
        using PciDriver first = new(new FakeFrontEnd(), _reports);
        first.Status = 3;
        first.Accept(Basic);
        first.Status = 0xb;
        first.SetUpQueue(0, 64, 0x1000, 0x2000, 0x3000);
        first.SetUpQueue(1, 32, 0x5000, 0x6000, 0x7000);
        byte[] state = first.Machine.Bridge.Bytes();

        using BridgeMachine machine = new();
        FakeFrontEnd front = new();
        Dictionary<ulong, Doorbell> attached = [];
        var function = new VirtioPciFunction(front, machine.Controller, (trigger, doorbell) => { attached[trigger.Address] = doorbell; return doorbell; }, _reports.Add);
        machine.Bridge.Attach(Slot, function);
        machine.Bridge.With(state);
        Assert.Equal(first.Attached.Keys.Order(), attached.Keys.Order());
        ((IVirtioInterrupts)function).NotifyQueue(1);
        Assert.Equal((BridgeMachine.MessageAddress, 3U), machine.Controller.Sent.Single());

        // It goes on with the negotiation where it was.
        ulong common = attached.Keys.Min() - VirtioPciFunction.NotifyOffset;
        machine.Memory.Write(common + 0x14, 1, 0xf);
        Assert.Equal(["start 0x120000000"], front.Calls);
        Assert.Equal([new(true, 64, 0x1000, 0x2000, 0x3000), new VirtqueueLayout(true, 32, 0x5000, 0x6000, 0x7000)], front.Queues);
    }

    [Fact]
    public void A_bus_with_other_devices_is_refused()
    {
        using BridgeMachine saved = new();
        saved.Bridge.Attach(Slot, new TestFunction());
        byte[] state = saved.Bridge.Bytes();
        using BridgeMachine empty = new();
        Assert.Contains("slot 7", Assert.Throws<InvalidDataException>(() => empty.Bridge.Taking(state)).Message);
        using BridgeMachine other = new();
        other.Bridge.Attach(Slot, new TestFunction(device: 0x4321));
        Assert.Contains("byte 0x2", Assert.Throws<InvalidDataException>(() => other.Bridge.Taking(state)).Message);
        using BridgeMachine more = new();
        more.Bridge.Attach(Slot, new TestFunction());
        more.Bridge.Attach(8, new TestFunction());
        Assert.Contains("slot 8", Assert.Throws<InvalidDataException>(() => more.Bridge.Taking(state)).Message);
    }

    [Fact]
    public void Masked_vectors_that_are_pending_come_when_they_are_let_through()
    {
        ControllerNotes notes = new();
        var first = new MsiXModel(notes, 3);
        first.Write(16, 8, 0xfee0_1000);
        first.Write(24, 4, 0x33);
        first.SetEnabled(true);
        first.Raise(1);
        var writer = new StateWriter();
        first.Save(writer);
        var second = new MsiXModel(notes, 3);
        second.Restore(new StateReader("a state", writer.Written));
        second.SetEnabled(true);
        Assert.Empty(notes.Sent);
        second.Write(28, 4, 0);
        Assert.Equal([(0xfee0_1000UL, 0x33U)], notes.Sent);
    }

    private static void Refused(string message, FakeFrontEnd front, byte[] state) => Assert.Contains(
        message, Assert.Throws<InvalidDataException>(() => new VirtioMmioDevice(front, new RecordingLine(), _ => { }).Taking(state)).Message, StringComparison.Ordinal);

    private static byte[] With(byte[] state, int word, ulong value)
    {
        byte[] changed = [.. state];
        BitConverter.TryWriteBytes(changed.AsSpan(word * 8), value);
        return changed;
    }

    private static RingAreas Start(VirtioMmioDevice device, BlockBed bed, ulong features)
    {
        RingAreas ring = RingAreas.Allocate(bed.Arena, 64, (features & VirtioFeatures.PackedRing) != 0, region: 1);
        device.Write(0x070, 4, 3);
        device.Write(0x024, 4, 0);
        device.Write(0x020, 4, (uint)features);
        device.Write(0x024, 4, 1);
        device.Write(0x020, 4, features >> 32);
        device.Write(0x070, 4, 0xb);
        device.Write(0x038, 4, 64);
        (ulong, ulong)[] areas = [(0x080, ring.Descriptors.Address), (0x090, ring.Driver.Address), (0x0a0, ring.Device.Address)];
        foreach ((ulong register, ulong address) in areas)
        {
            device.Write(register, 4, (uint)address);
            device.Write(register + 4, 4, address >> 32);
        }

        device.Write(0x044, 4, 1);
        device.Write(0x070, 4, 0xf);
        Assert.Equal(0xfUL, device.Read(0x070, 4));
        return ring;
    }

    private static void Write<TRing>(ref TRing ring, VirtioMmioDevice device, BlockBed bed, int sector)
        where TRing : struct, IDriverRing<TRing>
    {
        GuestBuffer buffer = Ask(ref ring, bed, sector);
        device.Write(0x050, 4, 0);
        Finish(ref ring, buffer);
    }

    private static GuestBuffer Ask<TRing>(ref TRing ring, BlockBed bed, int sector)
        where TRing : struct, IDriverRing<TRing>
    {
        GuestBuffer buffer = bed.Arena.Allocate(16 + 512 + 1, region: 1);
        buffer.AsShared().ReleaseUInt32(0, 1);
        buffer.AsShared().ReleaseUInt64(8, (ulong)sector);
        buffer.Slice(16, 512).AsSpan().Fill((byte)(sector + 1));
        buffer.AsSpan()[528] = 0xff;
        Assert.True(ring.TryAdd([buffer.Slice(0, 16).AsElement(), buffer.Slice(16, 512).AsElement(), buffer.Slice(528, 1).AsElement()], 2, (uint)sector));
        ring.Publish();
        return buffer;
    }

    private static void Finish<TRing>(ref TRing ring, GuestBuffer buffer)
        where TRing : struct, IDriverRing<TRing>
    {
        long end = Environment.TickCount64 + 10_000;
        while (!ring.TryGetUsed(out _, out _))
        {
            Assert.True(Environment.TickCount64 < end, "the request did not come back");
            Thread.Yield();
        }

        Assert.Equal(0, buffer.AsSpan()[528]);
    }

    private sealed class ControllerNotes : InterruptController
    {
        public List<(ulong Address, uint Data)> Sent { get; } = [];

        public override void Send(ulong address, uint data) => Sent.Add((address, data));
    }
}
