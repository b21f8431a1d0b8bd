using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>A function that was opened on a machine's own buses.</summary>
internal sealed class HostPciFunction : PciFunction
{
    private const int PowerControl = 4;
    private const uint PowerState = 3;

    private readonly PciHost _host;
    private readonly Machine _machine;
    private readonly ConfigAccess _config;
    private readonly BarRegister[] _bars;
    private readonly PciConfigFilter _filter;
    private readonly FunctionConfig _space;
    private readonly PciMsiXTable? _msiX;
    private readonly PciMsiCapability? _msi;
    private readonly List<InterruptMessage> _messages = [];
    private bool _isGone;
    private bool _disposed;

    internal HostPciFunction(PciHost host, Machine machine, ConfigAccess config, PciAddress address, PciIdentity identity, BarRegister[] bars, DmaSpace dma)
    {
        _host = host;
        _machine = machine;
        _config = config;
        _bars = bars;
        Address = address;
        Identity = identity;
        Dma = dma;
        ConfigLength = PciConfig.Length;
        ConfigLength = FindCapability(PciCapabilityId.Express) != 0 ? config.Length : PciConfig.Length;
        _filter = new PciConfigFilter((offset, width) => config.Read(address, offset, width));
        _space = new FunctionConfig(config, address);
        _msiX = PciMsiXTable.Find(_space, FindCapability(PciCapabilityId.MsiX), [.. bars.Select(b => b.Bar)]);
        _msi = PciMsiCapability.Find(_space, FindCapability(PciCapabilityId.Msi));
        SwitchOff();
        Wake();
        Place();
    }

    /// <inheritdoc/>
    public override PciAddress Address { get; }

    /// <inheritdoc/>
    public override PciIdentity Identity { get; }

    /// <inheritdoc/>
    public override int ConfigLength { get; }

    /// <inheritdoc/>
    public override DmaSpace Dma { get; }

    /// <inheritdoc/>
    public override bool IsGone => _isGone = _isGone || (!_disposed && _config.Read(Address, PciConfig.VendorId, 2) != Identity.Vendor);

    /// <inheritdoc/>
    public override int MaxInterrupts => _msiX?.Count ?? (_msi is null ? 0 : 1);

    /// <inheritdoc/>
    public override uint ReadConfig(int offset, int width)
    {
        CheckConfig(offset, width);
        return _isGone ? uint.MaxValue >> (32 - (8 * width)) : _config.Read(Address, offset, width);
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int width, uint value)
    {
        CheckConfig(offset, width);
        uint mask = _filter.Mask(offset, width);
        if (mask == 0 || _isGone)
        {
            return;
        }

        // The status registers in the upper halves are cleared by ones, so what is kept of them must be zero: they are allowed whole, and nothing of them is kept.
        uint kept = _config.Read(Address, offset, width) & ~mask;
        _config.Write(Address, offset, width, kept | (value & mask));
    }

    /// <inheritdoc/>
    public override PciBar GetBar(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, BarRegister.Count);
        return _bars[index].Bar;
    }

    /// <inheritdoc/>
    public override RegisterSpace MapBar(int index)
    {
        PciBar bar = GetBar(index);
        ulong address = _bars[index].Address;
        return (bar.Kind, address) switch
        {
            (PciBarKind.None, _) => throw new IOException($"{Address} has no base address register {index}; it has {Describe()}"),
            (PciBarKind.Ports, 0) => throw new IOException($"nobody assigned ports to base address register {index} of {Address}; it has {Describe()}"),
            (PciBarKind.Ports, _) => _machine.Ports.Slice(address, bar.Length),
            _ => _machine.MapRegisters(address, bar.Length),
        };
    }

    /// <inheritdoc/>
    public override void SetBusMaster(bool enabled) => SetCommand(PciConfig.CommandBusMaster, enabled);

    /// <inheritdoc/>
    public override void Reset()
    {
        ThrowIfGone();
        DisableInterrupts();
        SetBusMaster(false);
        try
        {
            new FunctionReset(_space, FindCapability, TimeProvider.System).Run();
        }
        catch (IOException e)
        {
            _isGone |= _config.Identify(Address) is null;
            throw new IOException($"{Address}: {e.Message}", e);
        }

        SwitchOff();
        Wake();
        Place();
    }

    /// <inheritdoc/>
    public override PciInterrupts EnableInterrupts(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxInterrupts);
        ThrowIfGone();
        DisableInterrupts();
        try
        {
            for (int i = 0; i < count; i++)
            {
                _messages.Add(_machine.CreateMessage(Address, Dma));
            }

            SetCommand(PciConfig.CommandNoPinInterrupt, true);
            if (_msiX is not null)
            {
                _msiX.Program(MapBar(_msiX.Bar), _messages);
            }
            else
            {
                _msi!.Program(_messages[0]);
            }
        }
        catch
        {
            DisableInterrupts();
            throw;
        }

        return new PciInterrupts(_msiX is null ? PciInterruptKind.Msi : PciInterruptKind.MsiX, [.. _messages.Select(m => m.Doorbell)]);
    }

    /// <inheritdoc/>
    public override void DisableInterrupts()
    {
        if (!IsGone)
        {
            _msiX?.Disable();
            _msi?.Disable();
        }

        _messages.ForEach(m => m.Dispose());
        _messages.Clear();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
        {
            return;
        }

        try
        {
            DisableInterrupts();
            if (!IsGone)
            {
                SwitchOff();
                _config.Write(Address, PciConfig.Command, 2, _config.Read(Address, PciConfig.Command, 2) & ~(uint)(PciConfig.CommandMemory | PciConfig.CommandPorts));
            }
        }
        catch (IOException)
        {
            // The machine is gone, and the function with it.
        }

        _disposed = true;
        _isGone = true;
        _host.Close(this);
    }

    private void ThrowIfGone()
    {
        if (IsGone)
        {
            throw new IOException($"{Address} ({Identity}) is gone: it was taken out, or closed here");
        }
    }

    /// <summary>No transactions and no interrupts.</summary>
    private void SwitchOff()
    {
        SetCommand(PciConfig.CommandBusMaster, false);
        SetCommand(PciConfig.CommandNoPinInterrupt, true);
        _msiX?.Disable();
        _msi?.Disable();
    }

    /// <summary>Into D0, where registers answer. Base addresses may be lost on the way.</summary>
    private void Wake()
    {
        int power = FindCapability(PciCapabilityId.PowerManagement);
        if (power != 0 && (_config.Read(Address, power + PowerControl, 2) & PowerState) is not 0)
        {
            _config.Write(Address, power + PowerControl, 2, _config.Read(Address, power + PowerControl, 2) & ~PowerState);
            Thread.Sleep(10);
        }
    }

    /// <summary>Writes the base addresses and lets the function answer at them.</summary>
    private void Place()
    {
        uint decode = 0;
        foreach (BarRegister bar in _bars.Where(b => b.Address != 0))
        {
            bar.Write(_config, Address);
            decode |= bar.Bar.Kind == PciBarKind.Ports ? PciConfig.CommandPorts : PciConfig.CommandMemory;
        }

        SetCommand((ushort)decode, true);
    }

    private void SetCommand(ushort bits, bool set)
    {
        uint command = _config.Read(Address, PciConfig.Command, 2);
        _config.Write(Address, PciConfig.Command, 2, set ? command | bits : command & ~(uint)bits);
    }

    private string Describe() => string.Join(", ", _bars.Where(b => b.Bar.Kind != PciBarKind.None).Select(b => $"{b.Bar.Index} ({b.Bar.Kind}, {b.Bar.Length} bytes)"));
}
