using Makatea.Platform;

namespace Makatea.Vmm.Virtio;

/// <summary>A device's registers of virtio-mmio, version 2 ([VIRTIO-1.3] 4.2.2). Its line has an edge for each notification that the driver has not seen.</summary>
public sealed partial class VirtioMmioDevice : RegisterBus, IVirtioInterrupts
{
    private const uint UsedBuffer = 1 << 0;
    private const uint ConfigurationChanged = 1 << 1;

    private readonly VirtioDeviceModel _model;
    private readonly InterruptLine _line;
    private uint _offeredSelect;
    private uint _acceptedSelect;
    private uint _queueSelect;
    private uint _interruptStatus;

    /// <summary>Presents a device.</summary>
    /// <param name="device">The device; stays the caller's.</param>
    /// <param name="line">Its interrupt: edge triggered.</param>
    /// <param name="report">Told why the device fails.</param>
    public VirtioMmioDevice(VirtioFrontEnd device, InterruptLine line, Action<string> report)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(report);
        _line = line;
        _model = new VirtioDeviceModel(device, _ => this, report);
    }

    /// <summary>Has a processor's write to the notification register ring the queue's doorbell without an exit.</summary>
    /// <param name="attach">As <see cref="VirtualMachine.AttachDoorbell"/>.</param>
    /// <param name="address">Guest address of the registers.</param>
    /// <returns>Undoes it.</returns>
    public IReadOnlyList<IDisposable> AttachDoorbells(Func<DoorbellTrigger, Doorbell, IDisposable> attach, ulong address)
    {
        ArgumentNullException.ThrowIfNull(attach);
        return [.. Enumerable.Range(0, _model.QueueCount).Select(i => attach(new(false, address + VirtioMmioRegister.QueueNotify, 4, (ulong)i), _model.Device.Kick(i)))];
    }

    /// <summary>As after power on.</summary>
    public void Reset()
    {
        _model.Reset();
        ClearRegisters();
    }

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (address >= VirtioMmioRegister.Configuration)
        {
            return _model.ReadConfig(address - VirtioMmioRegister.Configuration, width);
        }

        // Registers have 32 bits and are accessed as such (4.2.2.2).
        return width != 4 ? RegisterWidth.Mask(width) : address switch
        {
            VirtioMmioRegister.Magic => 0x7472_6976,
            VirtioMmioRegister.Version => 2,
            VirtioMmioRegister.DeviceId => _model.Device.DeviceType,
            VirtioMmioRegister.VendorId => 0x544b_4d,
            VirtioMmioRegister.DeviceFeatures => _model.Offered(Volatile.Read(ref _offeredSelect)),
            VirtioMmioRegister.QueueSizeMax => _model.LargestSize(Volatile.Read(ref _queueSelect)),
            VirtioMmioRegister.QueueReady => _model.Queue(Volatile.Read(ref _queueSelect)).IsEnabled ? 1U : 0,
            VirtioMmioRegister.InterruptStatus => Volatile.Read(ref _interruptStatus),
            VirtioMmioRegister.Status => _model.Status,
            VirtioMmioRegister.ConfigGeneration => _model.Generation,
            // No shared memory: its length is all ones.
            VirtioMmioRegister.SharedMemoryLengthLow or VirtioMmioRegister.SharedMemoryLengthHigh or VirtioMmioRegister.SharedMemoryBaseLow or VirtioMmioRegister.SharedMemoryBaseHigh => uint.MaxValue,
            _ => 0,
        };
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (address >= VirtioMmioRegister.Configuration)
        {
            _model.WriteConfig(address - VirtioMmioRegister.Configuration, width, value);
            return;
        }

        if (width != 4)
        {
            return;
        }

        uint data = (uint)value;
        uint queue = Volatile.Read(ref _queueSelect);
        switch (address)
        {
            case VirtioMmioRegister.DeviceFeaturesSelect: Volatile.Write(ref _offeredSelect, data); break;
            case VirtioMmioRegister.DriverFeaturesSelect: Volatile.Write(ref _acceptedSelect, data); break;
            case VirtioMmioRegister.DriverFeatures: _model.Accept(Volatile.Read(ref _acceptedSelect), data); break;
            case VirtioMmioRegister.QueueSelect: Volatile.Write(ref _queueSelect, data); break;
            case VirtioMmioRegister.QueueSize: _model.SetQueue(queue, q => q with { Size = (ushort)Math.Min(data, ushort.MaxValue) }); break;
            case VirtioMmioRegister.QueueReady when (data & 1) != 0: _model.SetQueue(queue, q => q with { IsEnabled = true }); break;
            case VirtioMmioRegister.QueueReady: _model.DisableQueue(queue); break;
            case VirtioMmioRegister.QueueNotify when data < _model.QueueCount: _model.Device.Kick((int)data).Ring(); break;
            case VirtioMmioRegister.InterruptAcknowledge: Interlocked.And(ref _interruptStatus, ~data); break;
            case VirtioMmioRegister.Status when (byte)data == 0: Reset(); break;
            case VirtioMmioRegister.Status: _model.WriteStatus((byte)data); break;
            case VirtioMmioRegister.QueueDescriptorsLow: _model.SetQueue(queue, q => q with { Descriptors = Halves.Low(q.Descriptors, data) }); break;
            case VirtioMmioRegister.QueueDescriptorsHigh: _model.SetQueue(queue, q => q with { Descriptors = Halves.High(q.Descriptors, data) }); break;
            case VirtioMmioRegister.QueueDriverLow: _model.SetQueue(queue, q => q with { Driver = Halves.Low(q.Driver, data) }); break;
            case VirtioMmioRegister.QueueDriverHigh: _model.SetQueue(queue, q => q with { Driver = Halves.High(q.Driver, data) }); break;
            case VirtioMmioRegister.QueueDeviceLow: _model.SetQueue(queue, q => q with { Device = Halves.Low(q.Device, data) }); break;
            case VirtioMmioRegister.QueueDeviceHigh: _model.SetQueue(queue, q => q with { Device = Halves.High(q.Device, data) }); break;
            default: break;
        }
    }

    void IVirtioInterrupts.NotifyQueue(int queue) => Interrupt(UsedBuffer);

    void IVirtioInterrupts.NotifyConfiguration()
    {
        _model.NextGeneration();
        Interrupt(ConfigurationChanged);
    }

    void IVirtioInterrupts.Fail()
    {
        if (_model.Fail())
        {
            Interrupt(ConfigurationChanged);
        }
    }

    private void Interrupt(uint cause)
    {
        Interlocked.Or(ref _interruptStatus, cause);
        _line.Pulse();
    }

    private void ClearRegisters()
    {
        Volatile.Write(ref _offeredSelect, 0);
        Volatile.Write(ref _acceptedSelect, 0);
        Volatile.Write(ref _queueSelect, 0);
        Interlocked.Exchange(ref _interruptStatus, 0);
    }
}
