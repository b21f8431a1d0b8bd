using Makatea.Platform;
using Makatea.Virtio.Testing;
using Makatea.Vmm.Tests.Pci;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests.Virtio;

/// <summary>A guest's driver of a transport: the steps of [VIRTIO-1.3] 3.1 by its registers.</summary>
internal abstract class TransportDriver : IDisposable
{
    /// <summary>Number of interrupts of a queue so far.</summary>
    public abstract int Interrupts(int queue);

    public abstract uint DeviceType { get; }

    public abstract byte Status { get; set; }

    public abstract ulong Offered { get; }

    public abstract int QueueCount { get; }

    public abstract ushort LargestQueue(int queue);

    public abstract void Accept(ulong features);

    public abstract void SetUpQueue(int queue, ushort size, ulong descriptors, ulong driver, ulong device);

    public abstract void Notify(int queue);

    public abstract ulong ReadConfig(int offset, int width);

    /// <summary>Presents a device by a transport.</summary>
    public static TransportDriver Create(string transport, VirtioFrontEnd device, List<string> reports) => transport switch
    {
        "mmio" => new MmioDriver(device, reports),
        _ => new PciDriver(device, reports),
    };

    /// <summary>Negotiates and starts with queues of an arena.</summary>
    public RingAreas[] Start(GuestArena arena, ulong features, ushort size = 64)
    {
        Status = 0;
        Status = 1;
        Status = 3;
        Accept(features);
        Status = 0xb;
        Assert.Equal(0xb, Status);
        RingAreas[] rings = [.. Enumerable.Range(0, QueueCount).Select(_ => RingAreas.Allocate(arena, size, (features & Makatea.Virtio.VirtioFeatures.PackedRing) != 0, region: 1))];
        for (int i = 0; i < rings.Length; i++)
        {
            SetUpQueue(i, size, rings[i].Descriptors.Address, rings[i].Driver.Address, rings[i].Device.Address);
        }

        Status = 0xf;
        return rings;
    }

    public abstract void Dispose();
}

/// <summary>virtio-mmio ([VIRTIO-1.3] 4.2).</summary>
internal sealed class MmioDriver : TransportDriver
{
    private readonly VirtioMmioDevice _device;
    private readonly CountingLine _line = new();

    public MmioDriver(VirtioFrontEnd device, List<string> reports) => _device = new VirtioMmioDevice(device, _line, reports.Add);

    public VirtioMmioDevice Registers => _device;

    public override uint DeviceType => Read(0x008);

    public override byte Status
    {
        get => (byte)Read(0x070);
        set => Write(0x070, value);
    }

    public override ulong Offered
    {
        get
        {
            Write(0x014, 0);
            ulong low = Read(0x010);
            Write(0x014, 1);
            return low | (ulong)Read(0x010) << 32;
        }
    }

    public override int QueueCount
    {
        get
        {
            int count = 0;
            for (uint i = 0; i < 64; i++)
            {
                Write(0x030, i);
                count += Read(0x034) != 0 ? 1 : 0;
            }

            return count;
        }
    }

    public override int Interrupts(int queue)
    {
        uint status = Read(0x060);
        Write(0x064, status);
        return _line.Edges;
    }

    public override ushort LargestQueue(int queue)
    {
        Write(0x030, (uint)queue);
        return (ushort)Read(0x034);
    }

    public override void Accept(ulong features)
    {
        Write(0x024, 0);
        Write(0x020, (uint)features);
        Write(0x024, 1);
        Write(0x020, (uint)(features >> 32));
    }

    public override void SetUpQueue(int queue, ushort size, ulong descriptors, ulong driver, ulong device)
    {
        Write(0x030, (uint)queue);
        Assert.Equal(0U, Read(0x044));
        Write(0x038, size);
        Write(0x080, (uint)descriptors);
        Write(0x084, (uint)(descriptors >> 32));
        Write(0x090, (uint)driver);
        Write(0x094, (uint)(driver >> 32));
        Write(0x0a0, (uint)device);
        Write(0x0a4, (uint)(device >> 32));
        Write(0x044, 1);
        Assert.Equal(1U, Read(0x044));
    }

    public override void Notify(int queue) => Write(0x050, (uint)queue);

    public override ulong ReadConfig(int offset, int width) => _device.Read(0x100 + (ulong)offset, width);

    public override void Dispose()
    {
    }

    private uint Read(ulong offset) => (uint)_device.Read(offset, 4);

    private void Write(ulong offset, uint value) => _device.Write(offset, 4, value);

    private sealed class CountingLine : InterruptLine
    {
        private int _edges;

        public int Edges => Volatile.Read(ref _edges);

        public override void Set(bool asserted)
        {
            if (asserted)
            {
                Interlocked.Increment(ref _edges);
            }
        }
    }
}

/// <summary>Modern virtio-pci ([VIRTIO-1.3] 4.1), found by its capabilities behind our driver of host bridges.</summary>
internal sealed class PciDriver : TransportDriver
{
    private readonly BridgeMachine _machine = new();
    private readonly PciFunction _function;
    private readonly RegisterSpace _common;
    private readonly RegisterSpace _notify;
    private readonly RegisterSpace _config;
    private readonly uint _multiplier;
    private readonly PciInterrupts _vectors;

    public PciDriver(VirtioFrontEnd device, List<string> reports)
    {
        Attached = [];
        Function = new VirtioPciFunction(device, _machine.Controller, Attach, reports.Add);
        _machine.Bridge.Attach(7, Function);
        _function = new Makatea.Drivers.Pci.PciHost(_machine).Open(new PciAddress(0, 0, 7, 0), Moq.Mock.Of<DmaSpace>());
        _common = Region(1, out _);
        _notify = Region(2, out int at);
        _multiplier = _function.ReadConfig(at + 16, 4);
        _config = Region(4, out _);
        _vectors = _function.EnableInterrupts(_function.MaxInterrupts);
        _function.SetBusMaster(true);
        _common.WriteUInt16(0x10, 0);
    }

    /// <summary>Places where a write rings a doorbell.</summary>
    public Dictionary<ulong, Doorbell> Attached { get; }

    public VirtioPciFunction Function { get; }

    public PciFunction Opened => _function;

    public BridgeMachine Machine => _machine;

    public RegisterSpace Common => _common;

    public int VectorCount => _vectors.Vectors.Count;

    public override uint DeviceType => _function.Identity.Device - 0x1040U;

    public override byte Status
    {
        get => _common.ReadByte(0x14);
        set => _common.WriteByte(0x14, value);
    }

    public override ulong Offered
    {
        get
        {
            _common.WriteUInt32(0, 0);
            ulong low = _common.ReadUInt32(4);
            _common.WriteUInt32(0, 1);
            return low | (ulong)_common.ReadUInt32(4) << 32;
        }
    }

    public override int QueueCount => _common.ReadUInt16(0x12);

    // Vectors are numbered from 1 by the machine; 0 is the configuration's.
    public override int Interrupts(int queue) => _machine.Controller.Sent.Count(sent => sent == (BridgeMachine.MessageAddress, (uint)queue + 2));

    public override ushort LargestQueue(int queue)
    {
        _common.WriteUInt16(0x16, (ushort)queue);
        return _common.ReadUInt16(0x18);
    }

    public override void Accept(ulong features)
    {
        _common.WriteUInt32(8, 0);
        _common.WriteUInt32(0xc, (uint)features);
        _common.WriteUInt32(8, 1);
        _common.WriteUInt32(0xc, (uint)(features >> 32));
        Assert.Equal((uint)(features >> 32), _common.ReadUInt32(0xc));
    }

    public override void SetUpQueue(int queue, ushort size, ulong descriptors, ulong driver, ulong device)
    {
        _common.WriteUInt16(0x16, (ushort)queue);
        Assert.Equal(0, _common.ReadUInt16(0x1c));
        _common.WriteUInt16(0x18, size);
        _common.WriteUInt16(0x1a, (ushort)(queue + 1));
        Assert.Equal(queue + 1, _common.ReadUInt16(0x1a));
        _common.WriteUInt32(0x20, (uint)descriptors);
        _common.WriteUInt32(0x24, (uint)(descriptors >> 32));
        _common.WriteUInt64(0x28, driver);
        _common.WriteUInt64(0x30, device);
        Assert.Equal(device, _common.ReadUInt64(0x30));
        _common.WriteUInt16(0x1c, 1);
        Assert.Equal(1, _common.ReadUInt16(0x1c));
    }

    public override void Notify(int queue)
    {
        _common.WriteUInt16(0x16, (ushort)queue);
        _notify.WriteUInt16(_common.ReadUInt16(0x1e) * (ulong)_multiplier, (ushort)queue);
    }

    public override ulong ReadConfig(int offset, int width) => width switch
    {
        1 => _config.ReadByte((ulong)offset),
        4 => _config.ReadUInt32((ulong)offset),
        _ => _config.ReadUInt64((ulong)offset),
    };

    public override void Dispose()
    {
        _function.Dispose();
        _machine.Dispose();
    }

    private IDisposable Attach(DoorbellTrigger trigger, Doorbell doorbell)
    {
        Assert.Equal((false, 0, null), (trigger.IsPort, trigger.Width, trigger.Value));
        Attached.Add(trigger.Address, doorbell);
        return new Undo(() => Attached.Remove(trigger.Address));
    }

    private RegisterSpace Region(int type, out int capability)
    {
        for (capability = (int)_function.ReadConfig(PciConfig.CapabilitiesPointer, 1); capability != 0; capability = (int)_function.ReadConfig(capability + 1, 1))
        {
            if (_function.ReadConfig(capability, 1) == 9 && _function.ReadConfig(capability + 3, 1) == type)
            {
                return _function.MapBar((int)_function.ReadConfig(capability + 4, 1)).Slice(_function.ReadConfig(capability + 8, 4), _function.ReadConfig(capability + 12, 4));
            }
        }

        throw new InvalidOperationException($"there is no capability of type {type}");
    }

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
