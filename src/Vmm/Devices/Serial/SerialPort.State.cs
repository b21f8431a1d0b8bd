using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state. What it sent and nobody took yet is the host's, and no part of it.</content>
public sealed partial class SerialPort : ISavedState
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_lock)
        {
            writer.Write(_divisor);
            writer.Write(_enable);
            writer.Write(_lineControl);
            writer.Write(_modemControl);
            writer.Write(_modemStatus);
            writer.Write(_scratch);
            writer.Write(_lastReceived);
            writer.Write(_overrun);
            writer.Write(_transmitterInterrupt);
            writer.Write(_hasFifo);
            writer.Write(_trigger);
            writer.Write(_received.ToArray());
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_lock)
        {
            _divisor = reader.ReadUInt16();
            _enable = (byte)(reader.ReadByte() & SerialEnable.All);
            _lineControl = reader.ReadByte();
            _modemControl = (byte)(reader.ReadByte() & SerialModemControl.All);
            _modemStatus = reader.ReadByte();
            _scratch = reader.ReadByte();
            _lastReceived = reader.ReadByte();
            _overrun = reader.ReadFlag();
            _transmitterInterrupt = reader.ReadFlag();
            _hasFifo = reader.ReadFlag();
            _trigger = (int)reader.Read(1, FifoLength);
            _received.Clear();
            foreach (byte value in reader.ReadBytes(FifoLength).Span)
            {
                _received.Add(value);
            }

            UpdateLine();
        }
    }
}
