using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>
/// A function of the guest's PCI bus: configuration space, base address registers, capabilities. Accesses come from all processors; configuration space is slow ground and has one lock, registers
/// behind base address registers have none.
/// </summary>
public abstract partial class PciFunctionModel
{
    private const int FirstCapability = 0x40;
    private const ushort WritableCommand = PciConfig.CommandMemory | PciConfig.CommandBusMaster | PciConfig.CommandNoPinInterrupt;
    private const int InterruptLine = 0x3c;

    private readonly byte[] _config = new byte[PciConfig.Length];
    private readonly byte[] _writable = new byte[PciConfig.Length];
    private readonly PciBarModel?[] _bars = new PciBarModel?[6];
    private int _nextCapability = FirstCapability;
    private int _lastPointer = PciConfig.CapabilitiesPointer;

    /// <summary>Makes a function without registers and capabilities.</summary>
    protected PciFunctionModel(PciModelIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        Set16(PciConfig.VendorId, identity.Vendor);
        Set16(PciConfig.DeviceId, identity.Device);
        Set16(PciConfig.SubsystemVendorId, identity.SubsystemVendor);
        Set16(PciConfig.SubsystemId, identity.Subsystem);
        BinaryPrimitives.WriteUInt32LittleEndian(_config.AsSpan(PciConfig.RevisionId), identity.Class << 8 | identity.Revision);
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(PciConfig.Command), WritableCommand);
        _writable[InterruptLine] = 0xff;
    }

    /// <summary>Whoever has the function on a bus; told when its registers move.</summary>
    internal PciHostBridge? Bridge { get; set; }

    /// <summary>Guards configuration space.</summary>
    internal Lock Lock { get; } = new();

    internal IEnumerable<PciBarModel> Bars => _bars.OfType<PciBarModel>();

    /// <summary>The guest lets it write to memory, which messages are too.</summary>
    protected bool IsBusMaster => (Command & PciConfig.CommandBusMaster) != 0;

    private ushort Command => BinaryPrimitives.ReadUInt16LittleEndian(_config.AsSpan(PciConfig.Command));

    /// <summary>Reads configuration space. What is behind the first 256 bytes reads 0, which ends the list of extended capabilities.</summary>
    internal uint ReadConfig(int offset, int width)
    {
        lock (Lock)
        {
            if (offset > PciConfig.Length - width)
            {
                return 0;
            }

            OnConfigReading(offset, width);
            return Load(offset, width);
        }
    }

    /// <summary>Writes configuration space, as far as it can be written.</summary>
    internal void WriteConfig(int offset, int width, uint value)
    {
        if (offset > PciConfig.Length - width)
        {
            return;
        }

        bool hasMoved;
        lock (Lock)
        {
            ushort before = Command;
            for (int i = 0; i < width; i++)
            {
                byte mask = _writable[offset + i];
                _config[offset + i] = (byte)((_config[offset + i] & ~mask) | ((byte)(value >> (8 * i)) & mask));
            }

            OnConfigWritten(offset, width);
            hasMoved = before != Command || (offset < PciConfig.Bar0 + (4 * _bars.Length) && offset + width > PciConfig.Bar0);
        }

        if (hasMoved)
        {
            Bridge?.Remap();
        }
    }

    private uint Load(int offset, int width)
    {
        uint value = 0;
        for (int i = 0; i < width; i++)
        {
            value |= (uint)_config[offset + i] << (8 * i);
        }

        return value;
    }

    /// <summary>Back to how it was when it was made, as its bus is reset.</summary>
    internal void ResetConfig()
    {
        lock (Lock)
        {
            for (int i = 0; i < _config.Length; i++)
            {
                _config[i] &= (byte)~_writable[i];
            }

            OnConfigWritten(0, PciConfig.Length);
        }

        OnReset();
        Bridge?.Remap();
    }

    /// <summary>Where a base address register's registers are to be; null where the guest has them switched off.</summary>
    internal ulong? AddressOf(PciBarModel bar)
    {
        lock (Lock)
        {
            int offset = PciConfig.Bar0 + (4 * bar.Index);
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(_config.AsSpan(offset)) & ~0xfUL;
            return (Command & PciConfig.CommandMemory) != 0 ? address : null;
        }
    }

    /// <summary>Told when registers were put somewhere else, or nowhere; under the bridge's lock.</summary>
    internal virtual void OnMapped(PciBarModel bar, ulong? address)
    {
    }

    /// <summary>Adds a 64-bit base address register. It takes two places.</summary>
    /// <param name="index">0, 2 or 4.</param>
    /// <param name="length">Bytes, a power of two of 4096 and more.</param>
    /// <param name="registers">What is there.</param>
    protected void AddBar(int index, ulong length, RegisterBus registers)
    {
        const byte Memory64 = 0x04;
        ArgumentOutOfRangeException.ThrowIfNotEqual(index is 0 or 2 or 4 && _bars[index] is null, true);
        ArgumentOutOfRangeException.ThrowIfNotEqual(ulong.IsPow2(length) && length >= 4096, true);
        _bars[index] = new(this, index, length, registers);
        int offset = PciConfig.Bar0 + (4 * index);
        BinaryPrimitives.WriteUInt64LittleEndian(_writable.AsSpan(offset), ~(length - 1));
        _config[offset] = Memory64;
    }

    /// <summary>Adds a capability behind those that are there.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="body">What follows ID and pointer.</param>
    /// <returns>Where it is.</returns>
    protected int AddCapability(byte id, ReadOnlySpan<byte> body)
    {
        int at = _nextCapability;
        if (body.Length > PciConfig.Length - 2 - at)
        {
            throw new ArgumentException($"a capability of {body.Length + 2} bytes at 0x{at:x} does not fit configuration space", nameof(body));
        }

        _config[at] = id;
        body.CopyTo(_config.AsSpan(at + 2));
        _config[_lastPointer] = (byte)at;
        _config[PciConfig.Status] |= (byte)PciConfig.StatusCapabilities;
        _lastPointer = at + 1;
        _nextCapability = (at + 2 + body.Length + 3) & ~3;
        return at;
    }

    /// <summary>Lets the guest write bits of configuration space.</summary>
    protected void AllowWrites(int offset, ushort bits) => BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(offset), bits);

    /// <summary>Reads configuration space, under its lock.</summary>
    protected ushort Get16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_config.AsSpan(offset));

    /// <summary>Sets configuration space.</summary>
    protected void Set16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_config.AsSpan(offset), value);

    /// <summary>Sets configuration space.</summary>
    protected void Set32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_config.AsSpan(offset), value);

    /// <summary>Reads configuration space, under its lock.</summary>
    protected uint Get32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_config.AsSpan(offset));

    /// <summary>Told before configuration space is read; under its lock.</summary>
    protected virtual void OnConfigReading(int offset, int width)
    {
    }

    /// <summary>Told when configuration space was written; under its lock.</summary>
    protected virtual void OnConfigWritten(int offset, int width)
    {
    }

    /// <summary>Told when the bus is reset.</summary>
    protected virtual void OnReset()
    {
    }
}
