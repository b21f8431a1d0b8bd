using System.Diagnostics;
using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>Waits for a register, as the manuals ask for here and there. Control path.</summary>
internal static class Poll
{
    /// <summary>Waits until the bits of <paramref name="mask"/> are as in <paramref name="value"/>.</summary>
    /// <returns>False at the end of the time.</returns>
    public static bool Until(RegisterSpace registers, ulong register, uint mask, uint value, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        var spin = default(SpinWait);
        while ((registers.ReadUInt32(register) & mask) != value)
        {
            if (Stopwatch.GetElapsedTime(start) > time)
            {
                return false;
            }

            spin.SpinOnce();
        }

        return true;
    }
}
