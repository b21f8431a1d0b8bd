namespace Makatea.Vmm;

/// <summary>Ports of an 8254 and bits of what is written to its control port ([8254] control word format, read-back command).</summary>
internal static class PitControl
{
    /// <summary>Offset of the control port; the counters are at 0 to 2.</summary>
    public const int Port = 3;
    public const int CounterShift = 6;

    /// <summary>In the place of a counter's number: a read-back command.</summary>
    public const int ReadBack = 3;
    public const int AccessShift = 4;

    /// <summary>In the place of an access: latch the count.</summary>
    public const int Latch = 0;
    public const int ModeShift = 1;
    public const byte IsBcd = 1 << 0;

    /// <summary>Read-back: clear to latch the counts.</summary>
    public const byte NoCount = 1 << 5;

    /// <summary>Read-back: clear to latch the status.</summary>
    public const byte NoStatus = 1 << 4;

    /// <summary>Status: the output.</summary>
    public const byte StatusOutput = 1 << 7;

    /// <summary>Status: no count was loaded since the mode was set.</summary>
    public const byte StatusNullCount = 1 << 6;
}

/// <summary>Which bytes of a count are accessed, bits 4 and 5 of a control word.</summary>
internal enum PitAccess
{
    Low = 1,
    High = 2,
    LowThenHigh = 3,
}
