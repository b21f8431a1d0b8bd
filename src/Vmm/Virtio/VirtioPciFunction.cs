using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Vmm.Pci;

namespace Makatea.Vmm.Virtio;

/// <summary>
/// A device on the PCI bus, modern and no other ([VIRTIO-1.3] 4.1): common configuration, ISR, device configuration and notifications in BAR 0, MSI-X in BAR 2. A notification is a write to a place of the
/// queue's own, which rings its doorbell without an exit.
/// </summary>
public sealed class VirtioPciFunction : PciFunctionModel, IVirtioInterrupts, ISuspendable
{
    internal const ulong CommonOffset = 0x0000;
    internal const ulong IsrOffset = 0x1000;
    internal const ulong ConfigOffset = 0x2000;
    internal const ulong NotifyOffset = 0x4000;
    internal const ulong RegionLength = 0x1000;
    internal const uint NotifyMultiplier = 4;
    internal const int MostQueues = MsiXModel.MostVectors - 1;

    private const int RegistersBar = 0;
    private const int MsiXBar = 2;
    private const ulong RegistersLength = 0x8000;
    private const ushort Vendor = 0x1af4;
    private const ushort FirstDevice = 0x1040;
    private const byte VendorCapability = 0x09;
    private const int WindowBar = 4;
    private const int WindowOffset = 8;
    private const int WindowLength = 12;
    private const int WindowData = 16;
    private const ushort MsiXEnable = 1 << 15;
    private const ushort MsiXMask = 1 << 14;

    private readonly VirtioDeviceModel _model;
    private readonly VirtioPciRegisters _registers;
    private readonly MsiXModel _msiX;
    private readonly int _msiXControl;
    private readonly int _window;
    private readonly Func<DoorbellTrigger, Doorbell, IDisposable>? _attach;
    private readonly List<IDisposable> _attached = [];

    /// <summary>Presents a device.</summary>
    /// <param name="device">The device; stays the caller's.</param>
    /// <param name="interrupts">Where its messages go.</param>
    /// <param name="attach">As <see cref="VirtualMachine.AttachDoorbell"/>; null where every notification is an exit.</param>
    /// <param name="report">Told why the device fails.</param>
    /// <exception cref="ArgumentException">The device has too many queues.</exception>
    public VirtioPciFunction(VirtioFrontEnd device, InterruptController interrupts, Func<DoorbellTrigger, Doorbell, IDisposable>? attach, Action<string> report)
        : base(Identify(device))
    {
        ArgumentNullException.ThrowIfNull(interrupts);
        ArgumentNullException.ThrowIfNull(report);
        if (device.QueueSizes.Count is 0 or > MostQueues)
        {
            throw new ArgumentException($"a device of {device.QueueSizes.Count} queues; 1 to {MostQueues} are possible", nameof(device));
        }

        _attach = attach;
        _model = new VirtioDeviceModel(device, _ => this, report);
        _msiX = new MsiXModel(interrupts, device.QueueSizes.Count + 1);
        _registers = new VirtioPciRegisters(_model, _msiX.Count);
        AddBar(RegistersBar, RegistersLength, _registers);
        AddBar(MsiXBar, MsiXModel.Length, _msiX);
        AddRegion(1, CommonOffset, VirtioPciRegisters.CommonLength, []);
        AddRegion(2, NotifyOffset, (uint)device.QueueSizes.Count * NotifyMultiplier, BitConverter.GetBytes(NotifyMultiplier));
        AddRegion(3, IsrOffset, 1, []);
        AddRegion(4, ConfigOffset, (uint)RegionLength, []);
        _msiXControl = AddMsiX(_msiX.Count) + 2;
        _window = AddWindow();
    }

    /// <summary>The device.</summary>
    public VirtioFrontEnd Device => _model.Device;

    internal override void OnMapped(PciBarModel bar, ulong? address)
    {
        if (bar.Index != RegistersBar || _attach is null)
        {
            return;
        }

        _attached.ForEach(attached => attached.Dispose());
        _attached.Clear();
        for (int queue = 0; address is { } first && queue < _model.QueueCount; queue++)
        {
            _attached.Add(_attach(new(false, first + NotifyOffset + ((ulong)queue * NotifyMultiplier), 0), _model.Device.Kick(queue)));
        }
    }

    /// <inheritdoc/>
    protected override void OnConfigReading(int offset, int width)
    {
        if (TouchesWindow(offset, width) && TryFindWindow(out ulong address, out int length))
        {
            Set32(_window + WindowData, (uint)_registers.Read(address, length));
        }
    }

    /// <inheritdoc/>
    protected override void OnConfigWritten(int offset, int width)
    {
        if (TouchesWindow(offset, width) && TryFindWindow(out ulong address, out int length))
        {
            _registers.Write(address, length, Get32(_window + WindowData) & RegisterWidth.Mask(length));
        }

        FollowMsiX();
    }

    /// <inheritdoc/>
    protected override void OnReset()
    {
        _registers.Reset();
        _msiX.Reset();
    }

    void ISuspendable.Suspend() => _model.Suspend();

    void ISuspendable.Resume() => _model.Resume();

    /// <inheritdoc/>
    protected override void OnSaving(StateWriter writer)
    {
        _msiX.Save(writer);
        _registers.Save(writer);
        _model.Save(writer);
    }

    /// <inheritdoc/>
    protected override void OnRestored(StateReader reader)
    {
        _msiX.Restore(reader);
        _registers.Restore(reader);
        _model.Restore(reader);
        FollowMsiX();
    }

    void IVirtioInterrupts.NotifyQueue(int queue)
    {
        _registers.MarkQueue();
        _msiX.Raise(_registers.QueueVector(queue));
    }

    void IVirtioInterrupts.NotifyConfiguration()
    {
        _model.NextGeneration();
        _registers.MarkConfiguration();
        _msiX.Raise(_registers.ConfigurationVector);
    }

    void IVirtioInterrupts.Fail()
    {
        if (_model.Fail())
        {
            _registers.MarkConfiguration();
            _msiX.Raise(_registers.ConfigurationVector);
        }
    }

    private void FollowMsiX() => _msiX.SetEnabled((Get16(_msiXControl) & (MsiXEnable | MsiXMask)) == MsiXEnable && IsBusMaster);

    // The classes of block devices and of network adapters; for the others there is none ([VIRTIO-1.3] 4.1.2.1).
    private static PciModelIdentity Identify(VirtioFrontEnd device)
    {
        const uint NetworkAdapter = 1;
        const uint BlockDevice = 2;
        ArgumentNullException.ThrowIfNull(device);
        uint type = device.DeviceType;
        uint kind = type switch { NetworkAdapter => 0x02_0000, BlockDevice => 0x01_8000, _ => 0xff_0000 };
        return new(Vendor, (ushort)(FirstDevice + type), kind, Revision: 1, Vendor, (ushort)(FirstDevice + type));
    }

    // struct virtio_pci_cap (4.1.4).
    private int AddRegion(byte type, ulong offset, uint length, ReadOnlySpan<byte> more)
    {
        Span<byte> body = stackalloc byte[14 + more.Length];
        body.Clear();
        body[0] = (byte)(body.Length + 2);
        body[1] = type;
        body[2] = RegistersBar;
        BinaryPrimitives.WriteUInt32LittleEndian(body[6..], (uint)offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body[10..], length);
        more.CopyTo(body[14..]);
        return AddCapability(VendorCapability, body);
    }

    // Another way to BAR 0, for drivers that cannot map it (4.1.4.9).
    private int AddWindow()
    {
        int at = AddRegion(5, 0, 0, new byte[4]);
        AllowWrites(at + WindowBar, byte.MaxValue);
        for (int offset = WindowOffset; offset < WindowData + 4; offset += 2)
        {
            AllowWrites(at + offset, ushort.MaxValue);
        }

        return at;
    }

    private bool TouchesWindow(int offset, int width) => offset < _window + WindowData + 4 && offset + width > _window + WindowData;

    private bool TryFindWindow(out ulong address, out int length)
    {
        address = Get32(_window + WindowOffset);
        uint size = Get32(_window + WindowLength);
        length = (int)size;
        return size is 1 or 2 or 4 && address < RegistersLength && address % size == 0 && (byte)Get16(_window + WindowBar) == RegistersBar;
    }

    private int AddMsiX(int vectors)
    {
        Span<byte> body = stackalloc byte[10];
        BinaryPrimitives.WriteUInt16LittleEndian(body, (ushort)(vectors - 1));
        BinaryPrimitives.WriteUInt32LittleEndian(body[2..], MsiXBar);
        BinaryPrimitives.WriteUInt32LittleEndian(body[6..], (uint)MsiXModel.PendingOffset | MsiXBar);
        int at = AddCapability((byte)PciCapabilityId.MsiX, body);
        AllowWrites(at + 2, MsiXEnable | MsiXMask);
        return at;
    }
}
