using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>How a queue is woken: by a vector of its own, by the one that the function has, or by nothing.</summary>
internal sealed class QueueInterrupt
{
    // An interrupt can be lost, as errata and hosts have shown: a queue that sleeps looks once a second all the same.
    private const int LostInterruptSeconds = 1;

    private readonly RegisterSpace _registers;
    private readonly PciInterrupts? _interrupts;
    private readonly uint _causes;
    private readonly bool _hasVector;
    private readonly bool _isLinksVector;
    private readonly Action _linkChanged;
    private readonly long _interval;

    /// <param name="registers">The adapter's.</param>
    /// <param name="interrupts">The function's vectors, or null where the queue is to be polled.</param>
    /// <param name="vector">Which of them, where each queue has its own.</param>
    /// <param name="causes">The queue's causes.</param>
    /// <param name="pollInterval">How often to be looked at without interrupts.</param>
    /// <param name="linkChanged">What to call where the cause was the link.</param>
    public QueueInterrupt(RegisterSpace registers, PciInterrupts? interrupts, int vector, uint causes, TimeSpan pollInterval, Action linkChanged)
    {
        _registers = registers;
        _interrupts = interrupts;
        _causes = causes;
        _hasVector = interrupts?.Kind == PciInterruptKind.MsiX;
        _isLinksVector = _hasVector && vector == Interrupts.LinkVector;
        _linkChanged = linkChanged;
        Doorbell = interrupts?.Vectors[vector];
        TimeSpan interval = interrupts is null ? pollInterval : TimeSpan.FromSeconds(LostInterruptSeconds);
        _interval = (long)(interval.TotalSeconds * TimeProvider.System.TimestampFrequency);
    }

    /// <summary>What rings, or null.</summary>
    public Doorbell? Doorbell { get; }

    /// <summary>When to look again, where something keeps the queue from its work for a moment.</summary>
    public long Soon() => TimeProvider.System.GetTimestamp() + (TimeProvider.System.TimestampFrequency / 1000);

    /// <summary>Makes the doorbell ring for what comes.</summary>
    /// <param name="wasIdle">The queue found nothing to do since the last time: if it was woken, then for something else.</param>
    /// <returns>When to look again at the latest.</returns>
    public long Arm(bool wasIdle)
    {
        if (_interrupts is not null)
        {
            if (_hasVector)
            {
                // Sending the message masked its causes ([82574-DS] 10, EIAC).
                _registers.WriteUInt32(Register.InterruptMaskSet, _causes);
                if (wasIdle && _isLinksVector)
                {
                    _linkChanged();
                }
            }
            else
            {
                ArmShared(_interrupts);
            }
        }

        return TimeProvider.System.GetTimestamp() + _interval;
    }

    private void ArmShared(PciInterrupts interrupts)
    {
        // Reading clears on the 82540EM, and on the 82574L only in some modes ([82574-DS] 10, ICR): what was read is written back.
        uint causes = _registers.ReadUInt32(Register.InterruptCause);
        if (causes != 0)
        {
            _registers.WriteUInt32(Register.InterruptCause, causes);
            if ((causes & Cause.LinkChanged) != 0)
            {
                _linkChanged();
            }
        }

        interrupts.Rearm();
    }
}
