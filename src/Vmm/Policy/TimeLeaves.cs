namespace Makatea.Vmm.Policy;

/// <summary>Leaves 0x15 and 0x16: frequencies ([SDM] volume 2, CPUID; volume 3, 20.7.3).</summary>
internal static class TimeLeaves
{
    /// <summary>What the local APIC's timer counts, in Hz: the crystal, as the guest is told.</summary>
    internal const uint Crystal = 1_000_000_000;

    // Linux multiplies the crystal's kHz with the numerator in 32 bits.
    private const ulong GreatestNumerator = uint.MaxValue / (Crystal / 1000);

    private const double LargestError = 1e-6;

    internal static void Set(CpuidTable table, ulong tscFrequency)
    {
        if (tscFrequency == 0)
        {
            return;
        }

        // Next to a ratio of small numbers the nearest fraction is some parts in 10,000 off. Without a crystal Linux takes what leaf 0x16 says for a guess and measures.
        (ulong numerator, ulong denominator) = Approximate(tscFrequency, Crystal);
        double error = (double)numerator * Crystal / denominator / tscFrequency - 1;
        table.Set(new(0x15, null, (uint)denominator, (uint)numerator, Math.Abs(error) <= LargestError ? Crystal : 0, 0));
        uint megahertz = (uint)(tscFrequency / 1_000_000);
        table.Set(new(0x16, null, megahertz, megahertz, 0, 0));
    }

    /// <summary>The fraction nearest to one of two numbers whose numerator Linux can multiply: the last convergent of the continued fraction that is small enough.</summary>
    internal static (ulong Numerator, ulong Denominator) Approximate(ulong value, ulong unit)
    {
        (ulong p0, ulong q0, ulong p1, ulong q1) = (0, 1, 1, 0);
        (ulong a, ulong b) = (value, unit);
        while (b != 0)
        {
            ulong digit = a / b;
            ulong p = digit * p1 + p0;
            ulong q = digit * q1 + q0;
            if (p > GreatestNumerator)
            {
                // A part of the digit still is nearer than what there is, if it is more than half of it.
                ulong part = p1 == 0 ? 0 : (GreatestNumerator - p0) / p1;
                return 2 * part > digit ? (part * p1 + p0, part * q1 + q0) : (p1, q1);
            }

            (p0, q0, p1, q1) = (p1, q1, p, q);
            (a, b) = (b, a % b);
        }

        return (p1, q1);
    }
}
