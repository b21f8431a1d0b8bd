using Makatea.Platform;

namespace Makatea.Vmm.Virtio;

/// <summary>BAR 0 of a device on the PCI bus: struct virtio_pci_common_cfg and what else there is ([VIRTIO-1.3] 4.1.4.3 to 4.1.4.5).</summary>
internal sealed class VirtioPciRegisters : RegisterBus
{
    internal const uint CommonLength = 0x38;
    private const ushort NoVector = 0xffff;
    private const uint QueueIsr = 1 << 0;
    private const uint ConfigurationIsr = 1 << 1;

    private readonly VirtioDeviceModel _model;
    private readonly int _vectors;
    private readonly ushort[] _queueVectors;
    private uint _offeredSelect;
    private uint _acceptedSelect;
    private uint _queueSelect;
    private ushort _configurationVector = NoVector;
    private uint _isr;

    internal VirtioPciRegisters(VirtioDeviceModel model, int vectors)
    {
        _model = model;
        _vectors = vectors;
        _queueVectors = new ushort[model.QueueCount];
        _queueVectors.AsSpan().Fill(NoVector);
    }

    internal int ConfigurationVector => Volatile.Read(ref _configurationVector);

    internal int QueueVector(int queue) => Volatile.Read(ref _queueVectors[queue]);

    internal void MarkQueue() => Interlocked.Or(ref _isr, QueueIsr);

    internal void MarkConfiguration() => Interlocked.Or(ref _isr, ConfigurationIsr);

    internal void Reset()
    {
        _model.Reset();
        Volatile.Write(ref _offeredSelect, 0);
        Volatile.Write(ref _acceptedSelect, 0);
        Volatile.Write(ref _queueSelect, 0);
        Volatile.Write(ref _configurationVector, NoVector);
        for (int i = 0; i < _queueVectors.Length; i++)
        {
            Volatile.Write(ref _queueVectors[i], NoVector);
        }

        Interlocked.Exchange(ref _isr, 0);
    }

    internal void Save(StateWriter writer)
    {
        writer.Write(_offeredSelect);
        writer.Write(_acceptedSelect);
        writer.Write(_queueSelect);
        writer.Write(_configurationVector);
        foreach (ushort vector in _queueVectors)
        {
            writer.Write(vector);
        }

        writer.Write(Volatile.Read(ref _isr));
    }

    internal void Restore(StateReader reader)
    {
        Volatile.Write(ref _offeredSelect, reader.ReadUInt32());
        Volatile.Write(ref _acceptedSelect, reader.ReadUInt32());
        Volatile.Write(ref _queueSelect, reader.ReadUInt32());
        Volatile.Write(ref _configurationVector, Vector(reader.ReadUInt16()));
        foreach (ref ushort vector in _queueVectors.AsSpan())
        {
            Volatile.Write(ref vector, Vector(reader.ReadUInt16()));
        }

        Interlocked.Exchange(ref _isr, reader.ReadUInt32() & (QueueIsr | ConfigurationIsr));
    }

    public override ulong Read(ulong address, int width) => address switch
    {
        < VirtioPciFunction.IsrOffset => ReadCommon(address, width),
        // Reading it acknowledges.
        VirtioPciFunction.IsrOffset => Interlocked.Exchange(ref _isr, 0),
        >= VirtioPciFunction.ConfigOffset and < VirtioPciFunction.ConfigOffset + VirtioPciFunction.RegionLength => _model.ReadConfig(address - VirtioPciFunction.ConfigOffset, width),
        _ => 0,
    };

    public override void Write(ulong address, int width, ulong value)
    {
        switch (address)
        {
            case < VirtioPciFunction.IsrOffset:
                WriteCommon(address, width, value);
                break;
            case >= VirtioPciFunction.ConfigOffset and < VirtioPciFunction.ConfigOffset + VirtioPciFunction.RegionLength:
                _model.WriteConfig(address - VirtioPciFunction.ConfigOffset, width, value);
                break;
            case >= VirtioPciFunction.NotifyOffset:
                // Where the place says which queue it is; what is written says the same.
                ulong queue = (address - VirtioPciFunction.NotifyOffset) / VirtioPciFunction.NotifyMultiplier;
                if (queue < (ulong)_model.QueueCount)
                {
                    _model.Device.Kick((int)queue).Ring();
                }

                break;
            default:
                break;
        }
    }

    // Fields are accessed by their width, those of 64 bits by halves too (4.1.3.1).
    private ulong ReadCommon(ulong address, int width)
    {
        uint queue = Volatile.Read(ref _queueSelect);
        VirtqueueLayout layout = _model.Queue(queue);
        return (address, width) switch
        {
            (0x00, 4) => Volatile.Read(ref _offeredSelect),
            (0x04, 4) => _model.Offered(Volatile.Read(ref _offeredSelect)),
            (0x08, 4) => Volatile.Read(ref _acceptedSelect),
            (0x0c, 4) => _model.Accepted(Volatile.Read(ref _acceptedSelect)),
            (0x10, 2) => Volatile.Read(ref _configurationVector),
            (0x12, 2) => (ulong)_model.QueueCount,
            (0x14, 1) => _model.Status,
            (0x15, 1) => _model.Generation,
            (0x16, 2) => queue,
            (0x18, 2) => layout.Size,
            (0x1a, 2) => queue < _queueVectors.Length ? Volatile.Read(ref _queueVectors[queue]) : NoVector,
            (0x1c, 2) => layout.IsEnabled ? 1U : 0,
            (0x1e, 2) => queue,
            ( >= 0x20 and < 0x38, 4 or 8) => Half(layout, address),
            _ => 0,
        };
    }

    private static ulong Half(VirtqueueLayout layout, ulong address)
    {
        ulong field = (address & 0x38) switch { 0x20 => layout.Descriptors, 0x28 => layout.Driver, _ => layout.Device };
        return (address & 7) switch { 0 => field, 4 => field >> 32, _ => 0 };
    }

    private void WriteCommon(ulong address, int width, ulong value)
    {
        uint data = (uint)value;
        uint queue = Volatile.Read(ref _queueSelect);
        switch (address, width)
        {
            case (0x00, 4): Volatile.Write(ref _offeredSelect, data); break;
            case (0x08, 4): Volatile.Write(ref _acceptedSelect, data); break;
            case (0x0c, 4): _model.Accept(Volatile.Read(ref _acceptedSelect), data); break;
            case (0x10, 2): Volatile.Write(ref _configurationVector, Vector(data)); break;
            case (0x14, 1) when data == 0: Reset(); break;
            case (0x14, 1): _model.WriteStatus((byte)data); break;
            case (0x16, 2): Volatile.Write(ref _queueSelect, data); break;
            case (0x18, 2): _model.SetQueue(queue, q => q with { Size = (ushort)data }); break;
            case (0x1a, 2) when queue < _queueVectors.Length: Volatile.Write(ref _queueVectors[queue], Vector(data)); break;
            case (0x1c, 2) when data == 1: _model.SetQueue(queue, q => q with { IsEnabled = true }); break;
            case ( >= 0x20 and < 0x38, 8) when (address & 7) == 0:
                WriteHalf(queue, address, data);
                WriteHalf(queue, address + 4, (uint)(value >> 32));
                break;
            case ( >= 0x20 and < 0x38, 4) when (address & 3) == 0:
                WriteHalf(queue, address, data);
                break;
            default: break;
        }
    }

    private void WriteHalf(uint queue, ulong address, uint data) => _model.SetQueue(queue, layout => address switch
    {
        0x20 => layout with { Descriptors = Halves.Low(layout.Descriptors, data) },
        0x24 => layout with { Descriptors = Halves.High(layout.Descriptors, data) },
        0x28 => layout with { Driver = Halves.Low(layout.Driver, data) },
        0x2c => layout with { Driver = Halves.High(layout.Driver, data) },
        0x30 => layout with { Device = Halves.Low(layout.Device, data) },
        _ => layout with { Device = Halves.High(layout.Device, data) },
    });

    // A vector that there is none of reads back as none, by which the driver knows (4.1.5.1.2.1).
    private ushort Vector(uint value) => value < (uint)_vectors ? (ushort)value : NoVector;
}
