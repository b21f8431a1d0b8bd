namespace Makatea.Sel4;

/// <summary>A part of a program that is loaded.</summary>
internal struct ElfSegment
{
    /// <summary>Where it goes.</summary>
    internal ulong Address;

    /// <summary>Its bytes in memory; what the file has not is zero.</summary>
    internal ulong Length;

    /// <summary>Where its bytes are in the file.</summary>
    internal ulong Offset;
    internal ulong FileLength;

    internal bool IsWritable;
    internal bool IsCode;

    /// <summary>The file has all of it.</summary>
    internal readonly bool IsWhole => FileLength == Length;

    /// <summary>Its first page, and the page after its last.</summary>
    internal readonly ulong FirstPage => Address & ~(ElfProgram.PageSize - 1);

    internal readonly ulong EndPage => (Address + Length + (ElfProgram.PageSize - 1)) & ~(ElfProgram.PageSize - 1);
}
