using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>
/// A function that a <see cref="FunctionServer"/> serves over a channel. Every register access is a message, so this is for functions whose registers nobody can map: device
/// models. Where the server ends the channel, the function <see cref="IsGone"/>: registers read as all ones.
/// </summary>
public sealed class ChannelFunction : PciFunction
{
    private readonly MessageChannel _channel;
    private readonly FunctionChannel _messages;
    private readonly Lock _asking = new();
    private readonly FunctionDescription _description;
    private readonly ChannelDmaSpace _dma;
    private readonly List<Doorbell> _doorbells = [];
    private volatile bool _gone;

    /// <summary>Takes over <paramref name="channel"/> and asks what the function is.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="host">Makes memory for its driver.</param>
    /// <exception cref="IOException">Nobody answers.</exception>
    public ChannelFunction(MessageChannel channel, ComponentHost host)
    {
        _channel = channel;
        _messages = new FunctionChannel(channel);
        try
        {
            _ = Ask(new FunctionRequest { Operation = FunctionOperation.Describe }, null, out byte[] tail, out _);
            _description = tail.Length == FunctionDescription.Size
                ? MemoryMarshal.Read<FunctionDescription>(tail)
                : throw new IOException($"a function is described by {tail.Length} bytes, not {FunctionDescription.Size}: whoever serves it is of another version");
        }
        catch
        {
            channel.Dispose();
            throw;
        }

        _dma = new ChannelDmaSpace(this, host, _description);
    }

    /// <inheritdoc/>
    public override PciAddress Address => PciAddress.FromRequesterId(_description.Segment, _description.RequesterId);

    /// <inheritdoc/>
    public override PciIdentity Identity => new(
        _description.Vendor, _description.Device, _description.ClassAndRevision >> 8, (byte)_description.ClassAndRevision, _description.SubsystemVendor, _description.Subsystem);

    /// <inheritdoc/>
    public override int ConfigLength => _description.ConfigLength;

    /// <inheritdoc/>
    public override DmaSpace Dma => _dma;

    /// <inheritdoc/>
    public override bool IsGone => _gone || ReadConfig(PciConfig.VendorId, 2) == 0xffff;

    /// <inheritdoc/>
    public override int MaxInterrupts => _description.MaxInterrupts;

    /// <inheritdoc/>
    public override uint ReadConfig(int offset, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return (uint)AskRegister(new FunctionRequest { Operation = FunctionOperation.ReadConfig, Address = (ulong)offset, Width = (ushort)width });
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int width, uint value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        _ = AskRegister(new FunctionRequest { Operation = FunctionOperation.WriteConfig, Address = (ulong)offset, Width = (ushort)width, Value = value });
    }

    /// <inheritdoc/>
    public override PciBar GetBar(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)index, 5u, nameof(index));
        BarDescription bar = _description.Bars[index];
        return new PciBar(index, (PciBarKind)bar.Kind, bar.Length, bar.IsPrefetchable != 0);
    }

    /// <inheritdoc/>
    public override RegisterSpace MapBar(int index)
    {
        ulong length = Ask(new FunctionRequest { Operation = FunctionOperation.MapBar, Index = (byte)index });
        return RegisterSpace.OnBus(new Registers(this, (byte)index), 0, length);
    }

    /// <inheritdoc/>
    public override void SetBusMaster(bool enabled) => Ask(new FunctionRequest { Operation = FunctionOperation.SetBusMaster, Value = enabled ? 1u : 0 });

    /// <inheritdoc/>
    public override void Reset() => Ask(new FunctionRequest { Operation = FunctionOperation.Reset });

    /// <inheritdoc/>
    public override PciInterrupts EnableInterrupts(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        DisposeDoorbells();
        var kind = (PciInterruptKind)Ask(new FunctionRequest { Operation = FunctionOperation.EnableInterrupts, Value = (ulong)count });
        for (int i = 0; i < count; i++)
        {
            _ = Ask(new FunctionRequest { Operation = FunctionOperation.GetInterrupt, Value = (ulong)i }, null, out _, out Grant? doorbell);
            using (doorbell)
            {
                _doorbells.Add(doorbell?.OpenDoorbell() ?? throw new IOException($"no doorbell came for interrupt vector {i}"));
            }
        }

        return new PciInterrupts(kind, [.. _doorbells])
        {
            Unmask = kind == PciInterruptKind.Pin ? () => Ask(new FunctionRequest { Operation = FunctionOperation.Rearm }) : null,
        };
    }

    /// <inheritdoc/>
    public override void DisableInterrupts()
    {
        if (!_gone)
        {
            Ask(new FunctionRequest { Operation = FunctionOperation.DisableInterrupts });
        }

        DisposeDoorbells();
    }

    internal ulong Ask(in FunctionRequest request) => Ask(request, null, out _, out _);

    internal ulong Ask(in FunctionRequest request, Grant? grant, out byte[] tail, out Grant? received)
    {
        var grants = new List<Grant>();
        try
        {
            lock (_asking)
            {
                return _messages.Ask(request, grant, out tail, grants);
            }
        }
        catch (IOException e) when (e is not FunctionRefusedException)
        {
            _gone = true;
            throw;
        }
        finally
        {
            received = grants.FirstOrDefault();
            grants.Skip(1).ToList().ForEach(g => g.Dispose());
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _dma.Dispose();
            _channel.Dispose();
            DisposeDoorbells();
        }
    }

    /// <summary>A function that went away reads as all ones, and takes writes.</summary>
    private ulong AskRegister(in FunctionRequest request)
    {
        if (_gone)
        {
            return ulong.MaxValue;
        }

        try
        {
            return Ask(request);
        }
        catch (FunctionRefusedException e)
        {
            throw new ArgumentOutOfRangeException(e.Message, e);
        }
        catch (IOException)
        {
            return ulong.MaxValue;
        }
    }

    private void DisposeDoorbells()
    {
        _doorbells.ForEach(d => d.Dispose());
        _doorbells.Clear();
    }

    private sealed class Registers(ChannelFunction function, byte bar) : RegisterBus
    {
        public override ulong Read(ulong address, int width) => function.AskRegister(
            new FunctionRequest { Operation = FunctionOperation.ReadRegister, Index = bar, Address = address, Width = (ushort)width });

        public override void Write(ulong address, int width, ulong value) => function.AskRegister(
            new FunctionRequest { Operation = FunctionOperation.WriteRegister, Index = bar, Address = address, Width = (ushort)width, Value = value });
    }
}
