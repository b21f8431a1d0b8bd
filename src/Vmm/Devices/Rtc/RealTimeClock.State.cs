using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state. The world's time goes on while a guest is in a file, as it does while it is paused.</content>
public sealed partial class RealTimeClock : ISavedState
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_lock)
        {
            CatchUp();
            writer.Write(_registers);
            writer.Write(_index);
            writer.Write(_flags);
            writer.Write(_offset.Ticks);
            writer.Write(_seen.Ticks);
            writer.Write(_periodicFrom);
            writer.Write(_periodsSeen);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_lock)
        {
            reader.ReadBytes(_registers);
            _index = (byte)reader.Read(IndexMask);
            _flags = (byte)(reader.ReadByte() & RtcBits.Interrupts);
            _offset = new(reader.Read(-DateTime.MaxValue.Ticks, DateTime.MaxValue.Ticks));
            _seen = new(reader.Read(0, DateTime.MaxValue.Ticks), DateTimeKind.Utc);
            long now = _clock.Now;
            _periodicFrom = reader.Read(0, now);
            _periodsSeen = reader.Read(0, Period is var period and not 0 ? (now - _periodicFrom) / period : now);
            CatchUp();
            Schedule();
        }
    }
}
