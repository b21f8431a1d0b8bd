namespace Makatea.Sel4;

/// <summary>What is wrong with a program.</summary>
internal enum ElfFault
{
    None,

    /// <summary>It is no 64-bit little-endian ELF file, or shorter than its headers.</summary>
    NotElf,

    /// <summary>It is for another processor, or no executable at fixed addresses (ET_EXEC).</summary>
    NotStatic,

    /// <summary>Its program headers are outside the file, of another size, or too many.</summary>
    Headers,

    /// <summary>A segment has more bytes in the file than in memory, or some outside of the file.</summary>
    SegmentData,

    /// <summary>A segment is outside of what programs may have, or not where its data is in its page.</summary>
    SegmentAddress,

    /// <summary>Segments are not in order of their addresses, or share a page.</summary>
    SegmentOrder,

    /// <summary>A segment can be written and run.</summary>
    WritableCode,

    /// <summary>It starts outside of its code.</summary>
    Entry,
}
