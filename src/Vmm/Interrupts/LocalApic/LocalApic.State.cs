using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state, saved and restored while its processor stands still.</content>
public sealed partial class LocalApic : ISavedState
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(_base);
        writer.Write(_taskPriority);
        writer.Write(_spurious);
        writer.Write(_logicalDestination);
        writer.Write(_destinationFormat);
        writer.Write(_command);
        writer.Write(_commandHigh);
        writer.Write(Volatile.Read(ref _errors));
        writer.Write(_errorStatus);
        writer.Write(_divide);
        writer.Write(_localVectors);
        writer.Write(_requested.ToArray());
        writer.Write(_inService.ToArray());
        writer.Write(_level.ToArray());
        writer.Write(_events.Word);
        _timer.Save(writer);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        const ulong Modes = LocalApicMsr.BaseIsEnabled | LocalApicMsr.BaseIsExtended;
        ArgumentNullException.ThrowIfNull(reader);
        ulong restored = reader.Read();
        if ((restored & ~Modes) != (_base & ~Modes) || (restored & Modes) == LocalApicMsr.BaseIsExtended)
        {
            throw new InvalidDataException($"local APIC {Id} has IA32_APIC_BASE 0x{restored:x}; from 0x{_base & ~Modes:x} it differs in the mode alone");
        }

        Volatile.Write(ref _base, restored);
        _taskPriority = reader.ReadByte();
        Volatile.Write(ref _spurious, reader.ReadUInt32() & (LocalVectorBits.NoEndBroadcast | LocalVectorBits.SoftwareEnabled | 0xff));
        Volatile.Write(ref _logicalDestination, reader.ReadUInt32() & 0xff00_0000);
        Volatile.Write(ref _destinationFormat, reader.ReadUInt32() | 0x0fff_ffff);
        _command = reader.ReadUInt32() & CommandBits;
        _commandHigh = reader.ReadUInt32();
        Volatile.Write(ref _errors, reader.ReadUInt32());
        _errorStatus = reader.ReadUInt32();
        _divide = reader.ReadUInt32() & 0xb;
        reader.ReadWords(_localVectors);
        for (int i = 0; i < _localVectors.Length; i++)
        {
            _localVectors[i] &= LocalVectorBits.Writable[i];
        }

        foreach (VectorSet set in (VectorSet[])[_requested, _inService, _level])
        {
            uint[] words = new uint[VectorSet.Words];
            reader.ReadWords(words);
            set.Set(words);
        }

        _events.Word = reader.ReadUInt32();
        _timer.Restore(reader);
    }
}
