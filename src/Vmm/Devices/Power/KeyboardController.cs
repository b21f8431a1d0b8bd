using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>The command port of a keyboard controller that has no keyboard: it pulses the reset line, which is how guests reset that know nothing better.</summary>
/// <param name="asked">Called when the guest wants to be reset.</param>
public sealed class KeyboardController(Action<PowerRequest> asked) : RegisterBus
{
    /// <summary>Pulses reset ([8042] command FE).</summary>
    public const byte PulseReset = 0xfe;

    /// <inheritdoc/>
    /// <remarks>Its buffers are empty, so nobody waits before the command.</remarks>
    public override ulong Read(ulong address, int width) => width == 1 ? 0 : RegisterWidth.Mask(width);

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (width == 1 && value == PulseReset)
        {
            asked(PowerRequest.Reset);
        }
    }
}
