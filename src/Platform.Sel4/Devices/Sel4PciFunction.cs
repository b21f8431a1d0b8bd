using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// A function that the component was granted: registers mapped by the root task, configuration space through it, interrupt messages that are signals of a notification, DMA through an IOSpace
/// of its own.
/// </summary>
public sealed class Sel4PciFunction : PciFunction
{
    private const int BarCount = 6;
    private const ulong BarPorts = 1;
    private const ulong BarTypeBits = 6;
    private const ulong Bar64 = 4;
    private const ulong BarPrefetchable = 8;

    private readonly KernelGate _gate;
    private readonly GrantEntry _function;
    private readonly FunctionConfig _config;
    private readonly GrantEntry?[] _registers = new GrantEntry?[BarCount];
    private readonly PciBar[] _bars = new PciBar[BarCount];
    private readonly GrantEntry[] _granted;
    private readonly List<GrantedMessage> _messages = [];
    private readonly PciMsiXTable? _msiX;
    private readonly PciMsiCapability? _msi;
    private bool _disposed;

    internal Sel4PciFunction(KernelGate gate, ComponentTable table, GrantEntry function)
    {
        _gate = gate;
        _function = function;
        _config = new FunctionConfig(gate, function);
        Address = PciAddress.FromRequesterId(0, (ushort)function.Value);
        Identity = PciIdentity.FromConfig(_config.Read(PciConfig.VendorId, 4), _config.Read(PciConfig.RevisionId, 4), _config.Read(PciConfig.SubsystemVendorId, 4));
        ConfigLength = _config.TryRead(PciConfig.Length, 4, out _) ? PciConfig.ExtendedLength : PciConfig.Length;
        Dma = new Sel4DmaSpace(gate, function);
        ReadBars(table);
        _granted = [.. table.Grants.Where(g => g.Kind == GrantKind.MessageInterrupt && g.Length == function.Number)];
        _msiX = PciMsiXTable.Find(_config, FindCapability(PciCapabilityId.MsiX), _bars);
        _msi = PciMsiCapability.Find(_config, FindCapability(PciCapabilityId.Msi));
        SwitchOff();
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
    public override bool IsGone => _disposed || !_function.IsThere || (ushort)_config.Read(PciConfig.VendorId, 2) != Identity.Vendor;

    /// <inheritdoc/>
    public override int MaxInterrupts => Math.Min(_granted.Length, _msiX?.Count ?? (_msi is null ? 0 : 1));

    /// <inheritdoc/>
    public override uint ReadConfig(int offset, int width)
    {
        CheckConfig(offset, width);
        return _config.Read(offset, width);
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int width, uint value)
    {
        CheckConfig(offset, width);
        _config.Write(offset, width, value);
    }

    /// <inheritdoc/>
    public override PciBar GetBar(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)BarCount, nameof(index));
        return _bars[index];
    }

    /// <inheritdoc/>
    public override RegisterSpace MapBar(int index)
    {
        PciBar bar = GetBar(index);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return (_registers[index], bar.Kind) switch
        {
            (null, _) => throw new IOException($"{Address} has no base address register {index} that was granted; it has {string.Join(", ", _bars.Where(b => b.Kind != PciBarKind.None).Select(b => $"{b.Index} ({b.Kind}, {b.Length} bytes)"))}"),
            (_, PciBarKind.Ports) => throw new IOException($"base address register {index} of {Address} decodes ports, which are granted by themselves"),
            ({ } memory, _) => RegisterSpace.UnsafeCreate(memory.Address, memory.Length),
        };
    }

    /// <inheritdoc/>
    public override void SetBusMaster(bool enabled) => SetCommand(PciConfig.CommandBusMaster, enabled);

    /// <summary>Function-level reset, done by the root task, which puts base addresses back.</summary>
    /// <exception cref="IOException">The function has none.</exception>
    public override void Reset()
    {
        DisableInterrupts();
        RootReply reply = _gate.Ask(RootRequest.ResetFunction, _function.Number);
        if (!reply.IsDone)
        {
            throw new IOException($"{Address} has no reset of its own (the root task says {reply.Answer}); reset it by its registers");
        }
    }

    /// <inheritdoc/>
    public override PciInterrupts EnableInterrupts(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxInterrupts);
        DisableInterrupts();
        try
        {
            _messages.AddRange(_granted.Take(count).Select(m => new GrantedMessage(_gate, m)));
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
        _msiX?.Disable();
        _msi?.Disable();
        _messages.ForEach(m => m.Dispose());
        _messages.Clear();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            DisableInterrupts();
            SwitchOff();
            _disposed = true;
        }
    }

    private void ReadBars(ComponentTable table)
    {
        for (int i = 0; i < BarCount; i++)
        {
            _bars[i] = new PciBar(i, PciBarKind.None, 0, false);
        }

        foreach (GrantEntry grant in table.Grants.Where(g => g.Kind == GrantKind.Bar && g.Number == _function.Number && g.Value < BarCount))
        {
            int index = (int)grant.Value;
            PciBarKind kind = (grant.Detail & BarPorts) != 0 ? PciBarKind.Ports : (grant.Detail & BarTypeBits) == Bar64 ? PciBarKind.Memory64 : PciBarKind.Memory32;
            _registers[index] = grant;
            _bars[index] = new PciBar(index, kind, grant.Length, kind != PciBarKind.Ports && (grant.Detail & BarPrefetchable) != 0);
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

    private void SetCommand(ushort bits, bool set)
    {
        uint command = _config.Read(PciConfig.Command, 2);
        if (command != ushort.MaxValue)
        {
            _config.Write(PciConfig.Command, 2, set ? command | bits : command & ~(uint)bits);
        }
    }
}
