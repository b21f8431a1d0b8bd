namespace Makatea.Fuzz.Vmm;

/// <summary>A set of vectors.</summary>
/// <param name="Low">0 to 127.</param>
/// <param name="High">128 to 255.</param>
internal readonly record struct Vectors(UInt128 Low, UInt128 High)
{
    /// <summary>The highest, or -1.</summary>
    public int Highest => High != 0 ? 255 - (int)UInt128.LeadingZeroCount(High) : 127 - (int)UInt128.LeadingZeroCount(Low);

    public Vectors With(int vector) => vector < 128 ? this with { Low = Low | (UInt128.One << vector) } : this with { High = High | (UInt128.One << (vector - 128)) };

    public Vectors WithoutHighest() => Highest switch
    {
        < 0 => this,
        < 128 and var vector => this with { Low = Low & ~(UInt128.One << vector) },
        var vector => this with { High = High & ~(UInt128.One << (vector - 128)) },
    };

    /// <summary>With 32 vectors, as a register shows them.</summary>
    public Vectors WithWord(int word, uint bits) => word < 4 ? this with { Low = Low | ((UInt128)bits << (word * 32)) } : this with { High = High | ((UInt128)bits << ((word - 4) * 32)) };
}
