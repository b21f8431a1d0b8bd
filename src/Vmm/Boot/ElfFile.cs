using System.Buffers.Binary;

namespace Makatea.Vmm.Boot;

/// <summary>What a program header says, as far as a loader needs it; its part of the file is inside the file.</summary>
/// <param name="Type">What it describes.</param>
/// <param name="Offset">Where in the file.</param>
/// <param name="FileLength">How many bytes in the file.</param>
/// <param name="Address">Physical address.</param>
/// <param name="MemoryLength">How many bytes in memory; what the file doesn't have is 0.</param>
/// <param name="Alignment">Its alignment.</param>
internal readonly record struct ElfSegment(uint Type, ulong Offset, ulong FileLength, ulong Address, ulong MemoryLength, ulong Alignment)
{
    internal const uint Load = 1;
    internal const uint Note = 4;

    internal AddressRange Memory => new(Address, MemoryLength);
}

/// <summary>A 64-bit ELF executable for x86 ([ELF-64] 3, 6), read from a file that may say anything.</summary>
internal static class ElfFile
{
    private const int HeaderLength = 64;
    private const int ProgramHeaderLength = 56;
    private const int MostSegments = 64;
    private const byte Class64 = 2;
    private const byte LittleEndian = 1;
    private const ushort Executable = 2;
    private const ushort X64 = 62;

    /// <summary>Reads the program headers.</summary>
    /// <exception cref="BootException">It is no such file.</exception>
    internal static ElfSegment[] ReadSegments(BootImage image)
    {
        byte[] header = new byte[HeaderLength];
        ImageReader.Read(image, "the kernel image", 0, header);
        ushort type = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(16));
        ushort machine = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(18));
        if (header[4] != Class64 || header[5] != LittleEndian || type != Executable || machine != X64)
        {
            throw new BootException(
                $"the kernel image is an ELF file of class {header[4]}, byte order {header[5]}, type {type} and machine {machine}; an executable for x86-64 has {Class64}, {LittleEndian}, {Executable} and {X64}");
        }

        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32));
        int entryLength = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(54));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56));
        if (entryLength != ProgramHeaderLength || count is 0 or > MostSegments)
        {
            throw new BootException($"the kernel image has {count} program headers of {entryLength} bytes; 1 to {MostSegments} of {ProgramHeaderLength} are possible");
        }

        byte[] table = new byte[count * ProgramHeaderLength];
        CheckInside(image, "its program headers", offset, (uint)table.Length);
        ImageReader.Read(image, "the kernel image", offset, table);
        ElfSegment[] segments = new ElfSegment[count];
        for (int i = 0; i < count; i++)
        {
            segments[i] = Parse(table.AsSpan(i * ProgramHeaderLength, ProgramHeaderLength));
            if (segments[i].Type is ElfSegment.Load or ElfSegment.Note)
            {
                CheckInside(image, $"segment {i}", segments[i].Offset, segments[i].FileLength);
            }
        }

        return segments;
    }

    private static ElfSegment Parse(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[48..]));

    private static void CheckInside(BootImage image, string what, ulong offset, ulong length)
    {
        if (offset > image.Length || length > image.Length - offset)
        {
            throw new BootException($"the kernel image has {image.Length} bytes; {what}, {length} bytes at offset {offset}, would lie outside");
        }
    }
}
