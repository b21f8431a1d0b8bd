using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>The reset control register of PC chipsets, which the FADT names too ([ICH9] 13.7.5).</summary>
/// <param name="asked">Called when the guest wants to be reset.</param>
public sealed class ResetControl(Action<PowerRequest> asked) : RegisterBus, ISavedState
{
    /// <summary>What resets: RST_CPU and SYS_RST.</summary>
    public const byte ResetValue = 0x06;

    private const int ResetCpu = 1 << 2;
    private const int Kept = 0x0a;

    private int _value;

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width) => width == 1 ? (ulong)Volatile.Read(ref _value) : RegisterWidth.Mask(width);

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (width != 1)
        {
            return;
        }

        Volatile.Write(ref _value, (int)value & Kept);
        if ((value & ResetCpu) != 0)
        {
            asked(PowerRequest.Reset);
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(Volatile.Read(ref _value));
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Volatile.Write(ref _value, (int)reader.Read(Kept));
    }
}
