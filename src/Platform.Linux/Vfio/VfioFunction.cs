using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A device function that Linux handed over through VFIO: registers mapped into this process, interrupts as eventfds, DMA through the IOMMU. The kernel keeps what would reach
/// beyond the function (base addresses, messages, power) to itself.
/// </summary>
public sealed unsafe class VfioFunction : PciFunction
{
    private const int BarCount = 6;

    private readonly VfioDmaSpace _space;
    private readonly VfioRegions _regions;
    private readonly VfioInterrupts _interrupts;
    private readonly VfioInterrupts _requests;
    private readonly Libc.VfioRegionInfo _config;
    private readonly PciConfigFilter _filter;
    private readonly PciBar[] _bars = new PciBar[BarCount];
    private readonly LinuxMappedMemory?[] _mapped = new LinuxMappedMemory?[BarCount];
    private readonly EventDoorbell? _request;
    private readonly bool _canReset;
    private bool _isGone;
    private bool _disposed;

    private VfioFunction(SafeFileHandle device, VfioDmaSpace space, PciAddress address)
    {
        Device = device;
        _space = space;
        Address = address;
        Libc.VfioDeviceInfo info = new() { Size = (uint)sizeof(Libc.VfioDeviceInfo) };
        if (Libc.Ioctl(device, Libc.VFIO_DEVICE_GET_INFO, &info) < 0)
        {
            throw LinuxError.Io($"cannot use what was given as {address}", "VFIO_DEVICE_GET_INFO", Errno.Last, "it has to be the descriptor of a VFIO device");
        }

        if ((info.Flags & Libc.VFIO_DEVICE_FLAGS_PCI) == 0)
        {
            throw new IOException($"{address} is a VFIO device, and none of PCI");
        }

        _canReset = (info.Flags & Libc.VFIO_DEVICE_FLAGS_RESET) != 0;
        _regions = new VfioRegions(device);
        _interrupts = new VfioInterrupts(device);
        _requests = new VfioInterrupts(device);
        _config = _regions.Describe(Libc.VFIO_PCI_CONFIG_REGION_INDEX, out _);
        Identity = ReadIdentity();
        _filter = new PciConfigFilter(Config);
        ReadBars();
        SetCommand(PciConfig.CommandBusMaster, false);
        SetCommand(PciConfig.CommandMemory, true);

        // The kernel asks for the function when it is to be unplugged or unbound, and waits until it is closed.
        _request = _requests.Count(Libc.VFIO_PCI_REQ_IRQ_INDEX) > 0 ? _requests.Enable(Libc.VFIO_PCI_REQ_IRQ_INDEX, 1)[0] : null;
    }

    /// <summary>The descriptor, for handing the function to a component together with <see cref="VfioDmaSpace.Handle"/>.</summary>
    public SafeFileHandle Device { get; }

    /// <inheritdoc/>
    public override PciAddress Address { get; }

    /// <inheritdoc/>
    public override PciIdentity Identity { get; }

    /// <inheritdoc/>
    public override int ConfigLength => (int)_config.Length;

    /// <inheritdoc/>
    public override DmaSpace Dma => _space;

    /// <summary>
    /// The function was taken away, or the kernel asks for it (it is to be unplugged, or bound to another driver) and waits until nobody has it: it is let go of when this is
    /// asked, and its registers are zeroes from then on.
    /// </summary>
    public override bool IsGone
    {
        get
        {
            if (!_isGone && !_disposed && WasAskedFor())
            {
                LetGo();
            }

            return _isGone = _isGone || _disposed || Array.Exists(_mapped, m => m is { IsLost: true }) || Config(PciConfig.VendorId, 2) != Identity.Vendor;
        }
    }

    /// <inheritdoc/>
    public override int MaxInterrupts => Kind().Count;

    /// <summary>Takes over a function that was granted as a descriptor. Both are the function's and the caller's to dispose of: the descriptor goes with the function, the space stays.</summary>
    /// <param name="device">Descriptor of a VFIO device.</param>
    /// <param name="space">The space that it is in.</param>
    /// <param name="address">Where it is, for messages.</param>
    /// <exception cref="IOException">It is no VFIO device of PCI.</exception>
    public static VfioFunction Adopt(SafeFileHandle device, VfioDmaSpace space, PciAddress address)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(space);
        try
        {
            return new VfioFunction(device, space, address);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override uint ReadConfig(int offset, int width)
    {
        CheckConfig(offset, width);
        return Config(offset, width);
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int width, uint value)
    {
        CheckConfig(offset, width);
        uint mask = _filter.Mask(offset, width);
        if (mask != 0)
        {
            SetConfig(offset, width, (Config(offset, width) & ~mask) | (value & mask));
        }
    }

    /// <inheritdoc/>
    public override PciBar GetBar(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, BarCount);
        return _bars[index];
    }

    /// <inheritdoc/>
    public override RegisterSpace MapBar(int index)
    {
        PciBar bar = GetBar(index);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (bar.Kind == PciBarKind.None)
        {
            throw new IOException($"{Address} has no base address register {index}; it has {string.Join(", ", _bars.Where(b => b.Kind != PciBarKind.None).Select(b => $"{b.Index} ({b.Kind}, {b.Length} bytes)"))}");
        }

        ThrowIfLetGo();
        Libc.VfioRegionInfo region = _regions.Describe((uint)index, out bool isWhole);
        if (!isWhole)
        {
            return RegisterSpace.OnBus(new VfioRegisterBus(_regions), region.Offset, region.Length);
        }

        LinuxMappedMemory memory = _mapped[index] ??= _regions.Map(region);
        return RegisterSpace.UnsafeCreate(memory.Address, memory.Length);
    }

    /// <inheritdoc/>
    public override void SetBusMaster(bool enabled) => SetCommand(PciConfig.CommandBusMaster, enabled);

    /// <inheritdoc/>
    public override void Reset()
    {
        DisableInterrupts();
        SetBusMaster(false);
        ThrowIfLetGo();
        if (!_canReset)
        {
            throw new IOException($"{Address} has no reset that leaves its neighbours alone; reset it by its registers");
        }

        if (Libc.IoctlNumber(Device, Libc.VFIO_DEVICE_RESET, 0) < 0)
        {
            throw LinuxError.Io($"cannot reset {Address}", "VFIO_DEVICE_RESET", Errno.Last);
        }

        SetCommand(PciConfig.CommandBusMaster, false);
        SetCommand(PciConfig.CommandMemory, true);
        if (IsGone)
        {
            throw new IOException($"{Address} did not come back from its reset; it counts as gone");
        }
    }

    /// <inheritdoc/>
    public override PciInterrupts EnableInterrupts(int count)
    {
        (uint index, PciInterruptKind kind, int most) = Kind();
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, most);
        return new PciInterrupts(kind, _interrupts.Enable(index, count))
        {
            Unmask = kind == PciInterruptKind.Pin ? () => _interrupts.Unmask(index) : null,
            Settle = kind == PciInterruptKind.Pin ? null : ThreadAffinity.Settle,
        };
    }

    /// <inheritdoc/>
    public override void DisableInterrupts() => _interrupts.Disable();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _interrupts.Dispose();
        _requests.Dispose();
        SetCommand(PciConfig.CommandBusMaster, false);
        foreach (LinuxMappedMemory? memory in _mapped)
        {
            memory?.Dispose();
        }

        Device.Dispose();
    }

    private (uint Index, PciInterruptKind Kind, int Count) Kind()
    {
        if (_interrupts.Count(Libc.VFIO_PCI_MSIX_IRQ_INDEX) is > 0 and int messagesX)
        {
            return (Libc.VFIO_PCI_MSIX_IRQ_INDEX, PciInterruptKind.MsiX, messagesX);
        }

        return _interrupts.Count(Libc.VFIO_PCI_MSI_IRQ_INDEX) is > 0 and int messages
            ? (Libc.VFIO_PCI_MSI_IRQ_INDEX, PciInterruptKind.Msi, messages)
            : (Libc.VFIO_PCI_INTX_IRQ_INDEX, PciInterruptKind.Pin, _interrupts.Count(Libc.VFIO_PCI_INTX_IRQ_INDEX));
    }

    /// <summary>Closes the function. Its doorbells stay, as others wait for them, and so does memory in the place of its registers, which others may be writing to.</summary>
    private void LetGo()
    {
        _isGone = true;
        foreach (LinuxMappedMemory? memory in _mapped)
        {
            memory?.Forget();
        }

        Device.Dispose();
    }

    private void ThrowIfLetGo()
    {
        if (Device.IsClosed)
        {
            throw new IOException($"{Address} is gone: it was unplugged, or given to another driver");
        }
    }

    private bool WasAskedFor()
    {
        ulong count;
        return _request is not null && Libc.Read(_request.Handle, &count, sizeof(ulong)) == sizeof(ulong);
    }

    private PciIdentity ReadIdentity() =>
        PciIdentity.FromConfig(Config(PciConfig.VendorId, 4), Config(PciConfig.RevisionId, 4), Config(PciConfig.SubsystemVendorId, 4));

    /// <summary>What a register decodes is in its low bits; how much, the kernel says.</summary>
    private void ReadBars()
    {
        for (int i = 0; i < BarCount; i++)
        {
            ulong length = _regions.Describe((uint)i, out _).Length;
            uint value = Config(PciConfig.Bar0 + (4 * i), 4);
            PciBarKind kind = length == 0 ? PciBarKind.None : (value & 1) != 0 ? PciBarKind.Ports : (value & 6) == 4 ? PciBarKind.Memory64 : PciBarKind.Memory32;
            _bars[i] = new PciBar(i, kind, length, kind is PciBarKind.Memory32 or PciBarKind.Memory64 && (value & 8) != 0);
        }
    }

    private uint Config(int offset, int width) => (uint)_regions.Read(_config.Offset + (uint)offset, width);

    private void SetConfig(int offset, int width, uint value) => _regions.Write(_config.Offset + (uint)offset, width, value);

    private void SetCommand(ushort bits, bool set)
    {
        uint command = Config(PciConfig.Command, 2);
        if (command != ushort.MaxValue)
        {
            SetConfig(PciConfig.Command, 2, set ? command | bits : command & ~(uint)bits);
        }
    }
}
