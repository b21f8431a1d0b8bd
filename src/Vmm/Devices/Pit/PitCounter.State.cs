using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state.</content>
internal sealed partial class PitCounter
{
    private const int MostMode = 5;

    public void Save(StateWriter writer)
    {
        writer.Write((int)_access);
        writer.Write(_mode);
        writer.Write(_isBcd);
        writer.Write(_gate);
        writer.Write(_loaded);
        writer.Write(_reload);
        writer.Write(_start);
        writer.Write(_stoppedAt);
        writer.Write(_lowWritten);
        writer.Write(_highIsNext);
        writer.Write(_latchedCount);
        writer.Write(_latchedHighIsNext);
        writer.Write(_latchedStatus);
    }

    public void Restore(StateReader reader, long now)
    {
        _access = (PitAccess)reader.Read((long)PitAccess.Low, (long)PitAccess.LowThenHigh);
        _mode = (int)reader.Read(0, MostMode);
        _isBcd = reader.ReadFlag();
        _gate = reader.ReadFlag();
        _loaded = reader.ReadFlag();
        _reload = (int)reader.Read(1, LargestCount);
        _start = reader.Read(0, now);
        _stoppedAt = reader.Read(0, now);
        _lowWritten = (int)reader.Read(-1, byte.MaxValue);
        _highIsNext = reader.ReadFlag();
        _latchedCount = (int)reader.Read(-1, CountMask);
        _latchedHighIsNext = reader.ReadFlag();
        _latchedStatus = (int)reader.Read(-1, byte.MaxValue);
    }
}
