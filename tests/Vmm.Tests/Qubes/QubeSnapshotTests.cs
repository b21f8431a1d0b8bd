using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Pci;
using Makatea.Vmm.Snapshots;
using Makatea.Vmm.Tests.Boot;
using Makatea.Vmm.Tests.Policy;
using Makatea.Vmm.Tests.Virtio;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests;

/// <summary>A whole qube in a file: what has to be the same, and in which order things happen.</summary>
public sealed class QubeSnapshotTests : IDisposable
{
    private const ulong Memory = 32 << 20;
    private const ulong MmioStatus = 0x070;

    private readonly GuestArena _arena = new(new GuestRange(0, Memory));
    private readonly GuestArena _other = new(new GuestRange(0, Memory));
    private readonly FakeFrontEnd _device = new();
    private readonly FakeFrontEnd _restored = new();
    private readonly SteppedTime _time = new();

    [Fact]
    public void Memory_processors_devices_and_times_are_restored_and_devices_go_on()
    {
        using MemoryStream file = Save(out ModelMachine machine);
        Assert.Equal(["start 0x100000000", "suspend", "start 0x100000000"], _device.Calls);

        // The first goes on: both sides were told to look.
        Assert.Equal(1, _device.Kicks(0));
        _time.Jump(3_600 * GuestClock.Second);
        var host = new ModelMachine(TestHosts.Intel());
        using (Restore(file, host))
        {
            Assert.Equal(machine.Cpus[0].Registers, host.Cpus[0].Registers);
            Assert.Equal(machine.Cpus[1].System, host.Cpus[1].System);
            Assert.Equal(["start 0x100000000"], _restored.Calls);
            Assert.Equal(new(true, 64, 0x1000, 0x2000, 0x3000, new RingPosition(5, true, 5, true)), _restored.Queues[0]);
            Assert.Equal(1, _restored.Kicks(0));
            Assert.True(_arena.Memory.TryTranslate(0, (int)Memory, MemoryAccess.Read, out MemorySegment first));
            Assert.True(_other.Memory.TryTranslate(0, (int)Memory, MemoryAccess.Read, out MemorySegment second));
            Assert.True(first.AsSpan().SequenceEqual(second.AsSpan()));
        }

        // Most of the guest's memory is a hole: nothing was written there.
        Assert.Equal((long)Memory + 4096, file.Length - BitConverter.ToInt32(file.ToArray(), 32));
    }

    [Fact]
    public void What_has_to_be_the_same_is_said_where_it_is_not()
    {
        using MemoryStream file = Save(out _);
        Refused("2 processors, and the qube has 1", file, o => o with { Processors = 1 });
        Refused("1 devices, and the qube has 0", file, o => o with { Devices = [] });
        Refused("devices by Mmio, and the qube has them by Pci", file, o => o with { Transport = VirtioTransport.Pci });
        Refused("registers of devices at", file, o => o with { Layout = new GuestLayout(Memory, 36) });
        Refused("another kind of processor", file, o => o, TestHosts.Amd());
        Refused("this one has 3", file, o => o with { Devices = [new FakeFrontEnd(3)] });
        using GuestArena small = new(new GuestRange(0, Memory / 2));
        Refused("33554432 bytes of memory, and the qube has 16777216", file, o => o with { Memory = small.Memory });
    }

    [Fact]
    public void A_device_that_cannot_say_where_it_stands_is_no_snapshot_and_the_qube_goes_on()
    {
        using var qube = new Qube(new ModelMachine(TestHosts.Intel()), Makatea.Virtio.Tests.TestHosts.Linux, Options(_arena, _device));
        StartDevice(qube);
        _device.FailsToSuspend = true;
        using var file = new MemoryStream();
        Assert.Throws<VirtioFrontEndException>(() => qube.Save(file));
        Assert.Equal(0, file.Length);
        _device.FailsToSuspend = false;
        qube.Save(file);
        Assert.True(file.Length > 0);
    }

    [Fact]
    public void Devices_come_and_go_and_a_snapshot_has_those_that_are_there()
    {
        List<VirtioFrontEnd> gone = [];
        using var qube = new Qube(new ModelMachine(TestHosts.Intel()), Makatea.Virtio.Tests.TestHosts.Linux, Options(_arena) with { Detached = gone.Add, Transport = VirtioTransport.Pci });
        FakeFrontEnd second = new();
        qube.Attach(_device);
        qube.Attach(second);
        Assert.Equal(0b110UL, qube.Ports.Read(PlatformPorts.HotPlug, 4));
        qube.Detach(_device);
        Assert.Empty(gone);
        Assert.Equal(0b10UL, qube.Ports.Read(PlatformPorts.HotPlug + 4, 4));
        qube.Ports.Write(PlatformPorts.HotPlug + 8, 4, 0b10);
        Assert.Equal([_device], gone);
        Assert.Contains("not on the guest's PCI bus", Assert.Throws<VirtioFrontEndException>(() => qube.Detach(_device)).Message);

        // Slot 1 is free, and the device of slot 2 is in slot 2 again.
        using var file = new MemoryStream();
        qube.Save(file);
        using var restored = new Qube(
            new ModelMachine(TestHosts.Intel()), Makatea.Virtio.Tests.TestHosts.Linux, Options(_other, _restored) with { Snapshot = Snapshot.Open(file), Transport = VirtioTransport.Pci });
        Assert.Equal(uint.MaxValue, restored.Devices.Read(GuestLayout.Ecam.First + (1 << 15), 4));
        Assert.Equal(0x1041_1af4UL, restored.Devices.Read(GuestLayout.Ecam.First + (2 << 15), 4));
        for (int i = 0; i < PciHostBridge.Slots - 2; i++)
        {
            qube.Attach(new FakeFrontEnd());
        }

        Assert.Contains("31 slots", Assert.Throws<VirtioFrontEndException>(() => qube.Attach(new FakeFrontEnd())).Message);
    }

    public void Dispose()
    {
        _arena.Dispose();
        _other.Dispose();
    }

    private MemoryStream Save(out ModelMachine machine)
    {
        machine = new ModelMachine(TestHosts.Intel());
        using var qube = new Qube(machine, Makatea.Virtio.Tests.TestHosts.Linux, Options(_arena, _device));
        StartDevice(qube);
        _time.Step(5 * GuestClock.Second);
        machine.Cpus[0].Registers.Rax = 0x1234;
        var file = new MemoryStream();
        qube.Save(file);
        return file;
    }

    private static void StartDevice(Qube qube)
    {
        (ulong Register, uint Value)[] steps = [(MmioStatus, 3), (0x24, 1), (0x20, 1), (MmioStatus, 0xb), (0x38, 64), (0x80, 0x1000), (0x90, 0x2000), (0xa0, 0x3000), (0x44, 1), (MmioStatus, 0xf)];
        foreach ((ulong register, uint value) in steps)
        {
            qube.Devices.Write(GuestLayout.VirtioMmio.First + register, 4, value);
        }

        Assert.Equal(0xfUL, qube.Devices.Read(GuestLayout.VirtioMmio.First + MmioStatus, 4));
    }

    private Qube Restore(MemoryStream file, ModelMachine machine) =>
        new(machine, Makatea.Virtio.Tests.TestHosts.Linux, Options(_other, _restored) with { Snapshot = Snapshot.Open(file), Kernel = null });

    private void Refused(string message, MemoryStream file, Func<QubeOptions, QubeOptions> change, VirtualMachineInfo? host = null) => Assert.Contains(
        message,
        Assert.Throws<InvalidDataException>(() => new Qube(
            new ModelMachine(host ?? TestHosts.Intel()), Makatea.Virtio.Tests.TestHosts.Linux, change(Options(_other, new FakeFrontEnd()) with { Snapshot = Snapshot.Open(file) }))).Message,
        StringComparison.Ordinal);

    private QubeOptions Options(GuestArena arena, params VirtioFrontEnd[] devices) => new()
    {
        Memory = arena.Memory,
        Layout = new GuestLayout(Memory, 40),
        Processors = 2,
        Kernel = BootImage.FromMemory(BzImage.Make()),
        Devices = devices,
        Transport = VirtioTransport.Mmio,
        Time = _time,
    };
}
