namespace Makatea.Vmm;

/// <summary>
/// What reaches a processor beside vectors: NMI, INIT and start-up, in one word that any thread sets and the processor's own takes from.
/// </summary>
internal sealed class ProcessorEvents
{
    private const uint Nmi = 1 << 8;
    private const uint Init = 1 << 9;
    private const uint StartUp = 1 << 10;
    private const uint PageMask = 0xff;

    /// <summary>Bits 0 to 7: the page of the start-up.</summary>
    private uint _word;

    /// <summary>All of it, while its processor stands still.</summary>
    public uint Word
    {
        get => Volatile.Read(ref _word);
        set => Volatile.Write(ref _word, value & (Nmi | Init | ((value & StartUp) != 0 ? StartUp | PageMask : 0)));
    }

    public bool Any => Volatile.Read(ref _word) != 0;

    /// <summary>As a processor does, it holds one that is on its way and no more.</summary>
    public void AddNmi() => Interlocked.Or(ref _word, Nmi);

    /// <summary>Forgets a start-up that was sent before.</summary>
    public void AddInit()
    {
        uint seen = Volatile.Read(ref _word);
        while (!TryReplace(ref seen, (seen & Nmi) | Init))
        {
        }
    }

    /// <summary>The first start-up counts, as a processor that runs ignores the next.</summary>
    public void AddStartUp(byte page)
    {
        uint seen = Volatile.Read(ref _word);
        while ((seen & StartUp) == 0 && !TryReplace(ref seen, (seen & ~PageMask) | StartUp | page))
        {
        }
    }

    public bool TakeNmi() => (Volatile.Read(ref _word) & Nmi) != 0 && (Interlocked.And(ref _word, ~Nmi) & Nmi) != 0;

    public bool TakeInit() => (Volatile.Read(ref _word) & Init) != 0 && (Interlocked.And(ref _word, ~Init) & Init) != 0;

    public bool TakeStartUp(out byte page)
    {
        uint word = Volatile.Read(ref _word);
        if ((word & StartUp) != 0)
        {
            word = Interlocked.And(ref _word, ~(StartUp | PageMask));
        }

        page = (byte)word;
        return (word & StartUp) != 0;
    }

    private bool TryReplace(ref uint seen, uint replacement)
    {
        uint expected = seen;
        seen = Interlocked.CompareExchange(ref _word, replacement, expected);
        return seen == expected;
    }
}
