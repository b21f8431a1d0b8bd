using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state: what its counters were told and when, by the guest's clock.</content>
public sealed partial class IntervalTimer : ISavedState
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_lock)
        {
            Array.ForEach(_counters, counter => counter.Save(writer));
            writer.Write(_interruptsDue);
            writer.Write(_owed);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_lock)
        {
            long now = _clock.Now;
            Array.ForEach(_counters, counter => counter.Restore(reader, now));
            _interruptsDue = reader.Read(0, _counters[0].Ticks(now) / InterruptPeriod);
            _owed = reader.Read(0, MostOwed);
            if (_counters[0].IsCounting)
            {
                // Looks what is due, and waits for what is next.
                _timer.Arm(now);
            }
        }
    }
}
