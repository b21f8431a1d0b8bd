namespace Makatea.Sel4.Image.Elf;

/// <summary>A program header.</summary>
/// <param name="Type">Its p_type.</param>
/// <param name="Flags">Rights.</param>
/// <param name="Offset">Where its bytes are in the file.</param>
/// <param name="Address">Virtual address.</param>
/// <param name="FileLength">Bytes in the file.</param>
/// <param name="MemoryLength">Bytes in memory; those that the file does not have are zero.</param>
public readonly record struct ElfSegment(uint Type, ElfRights Flags, ulong Offset, ulong Address, ulong FileLength, ulong MemoryLength)
{
    /// <summary>PT_LOAD: it is in memory.</summary>
    public const uint Load = 1;

    /// <summary>PT_DYNAMIC: there are relocations or libraries.</summary>
    public const uint Dynamic = 2;

    /// <summary>PT_INTERP: a dynamic linker starts it.</summary>
    public const uint Interpreter = 3;

    /// <summary>The address behind its last byte.</summary>
    public ulong End => Address + MemoryLength;
}

/// <summary>p_flags.</summary>
[Flags]
public enum ElfRights : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>May be executed.</summary>
    Execute = 1,

    /// <summary>May be written.</summary>
    Write = 2,

    /// <summary>May be read.</summary>
    Read = 4,
}

/// <summary>A section header.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its sh_type.</param>
/// <param name="Flags">Its sh_flags.</param>
/// <param name="Address">Virtual address.</param>
/// <param name="Offset">Where its bytes are in the file.</param>
/// <param name="Length">Their number.</param>
/// <param name="Link">Index of the section that belongs to it.</param>
public readonly record struct ElfSection(string Name, uint Type, ulong Flags, ulong Address, ulong Offset, ulong Length, uint Link)
{
    internal const uint ProgramBits = 1;
    internal const uint SymbolTable = 2;
    internal const uint NoBits = 8;
    private const ulong Executable = 4;

    /// <summary>Whether it holds code that the file has.</summary>
    public bool IsCode => Type == ProgramBits && (Flags & Executable) != 0 && Length > 0;
}

/// <summary>A symbol.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type, the low half of st_info.</param>
/// <param name="Section">Index of its section.</param>
/// <param name="Address">Its address.</param>
/// <param name="Length">Its size; 0 where it is unknown.</param>
public readonly record struct ElfSymbol(string Name, byte Type, ushort Section, ulong Address, ulong Length)
{
    internal const byte NoType = 0;
    internal const byte Data = 1;
    internal const byte Function = 2;
    internal const byte IndirectFunction = 10;
}
