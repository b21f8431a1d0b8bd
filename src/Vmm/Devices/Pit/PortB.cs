using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>System control port B: the gate and the output of the interval timer's counter 2 ([ICH9] 13.7.1). No speaker sounds.</summary>
/// <param name="timer">The interval timer.</param>
/// <param name="clock">What the bit follows that toggles with every refresh of memory.</param>
public sealed class PortB(IntervalTimer timer, GuestClock clock) : RegisterBus, ISavedState
{
    private const int Gate = 1 << 0;
    private const int Kept = 0xf;
    private const int Refresh = 1 << 4;
    private const int Output = 1 << 5;
    private const long RefreshPeriod = 15_085;

    private int _value;

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (width != 1)
        {
            return RegisterWidth.Mask(width);
        }

        int refresh = (clock.Now / RefreshPeriod & 1) != 0 ? Refresh : 0;
        return (ulong)(Volatile.Read(ref _value) | refresh | (timer.SpeakerOutput() ? Output : 0));
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (width == 1)
        {
            Volatile.Write(ref _value, (int)value & Kept);
            timer.SetSpeakerGate((value & Gate) != 0);
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(Volatile.Read(ref _value));
    }

    /// <inheritdoc/>
    /// <remarks>The gate is the interval timer's to restore.</remarks>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Volatile.Write(ref _value, (int)reader.Read(Kept));
    }
}
