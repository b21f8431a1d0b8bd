namespace Makatea.Sel4;

/// <summary>Writes what a component is told behind its <see cref="ComponentInfo"/>: texts, then grants.</summary>
internal unsafe struct InfoWriter
{
    /// <summary>Where grants are.</summary>
    internal const ulong GrantsOffset = ComponentLayout.InfoTextsLength;

    /// <summary>Where the sizes of its memory are, before them.</summary>
    internal const ulong UntypedBitsOffset = GrantsOffset - (ComponentLayout.MaxUntypeds * sizeof(ulong));

    /// <summary>How many there is room for.</summary>
    internal static ulong MaxGrants => (ComponentLayout.InfoLength - GrantsOffset) / (ulong)sizeof(GrantInfo);

    private readonly byte* _info;
    private ulong _used;

    /// <summary>Starts behind the structure.</summary>
    internal InfoWriter(byte* info)
    {
        _info = info;
        _used = (ulong)sizeof(ComponentInfo);
        IsFull = false;
    }

    /// <summary>Something did not fit.</summary>
    internal bool IsFull { get; private set; }

    /// <summary>Writes bytes, at a multiple of 8.</summary>
    /// <returns>Where they are.</returns>
    internal ulong Write(Text text)
    {
        ulong at = _used;
        if (at > UntypedBitsOffset || text.Length > UntypedBitsOffset - at)
        {
            IsFull = true;
            return 0;
        }

        for (ulong i = 0; i < text.Length; i++)
        {
            _info[at + i] = text.Bytes[i];
        }

        _used = (at + text.Length + 7) & ~7ul;
        return at;
    }
}
