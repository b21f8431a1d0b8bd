using System.Buffers.Binary;

namespace Makatea.Vmm.Boot;

/// <summary>Finds where a kernel is entered in 32-bit mode: the note XEN_ELFNOTE_PHYS32_ENTRY ([PVH]; notes: [ELF-64] 5).</summary>
internal static class PvhNote
{
    private const uint Physical32Entry = 18;
    private const int HeaderLength = 12;
    private const int LongestSegment = 1 << 16;

    private static ReadOnlySpan<byte> Owner => "Xen\0"u8;

    /// <summary>Looks for it.</summary>
    /// <exception cref="BootException">It is not there, or broken.</exception>
    internal static uint FindEntry(BootImage image, ReadOnlySpan<ElfSegment> segments)
    {
        foreach (ref readonly ElfSegment segment in segments)
        {
            if (segment.Type != ElfSegment.Note)
            {
                continue;
            }

            if (segment.FileLength > LongestSegment)
            {
                throw new BootException($"the kernel image has {segment.FileLength} bytes of notes; up to {LongestSegment} are possible");
            }

            byte[] notes = new byte[segment.FileLength];
            ImageReader.Read(image, "the kernel image", segment.Offset, notes);
            // Notes of GNU's properties are the only ones that are aligned to more.
            if (Find(notes, segment.Alignment == 8 ? 8U : 4U) is { } entry)
            {
                return entry;
            }
        }

        throw new BootException(
            "the kernel image is an ELF file without the note XEN_ELFNOTE_PHYS32_ENTRY (CONFIG_PVH), which says where it is entered; a bzImage of it can be started");
    }

    private static uint? Find(ReadOnlySpan<byte> notes, uint alignment)
    {
        while (notes.Length >= HeaderLength)
        {
            ulong nameLength = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            ulong valueLength = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
            ulong valueStart = Align(HeaderLength + nameLength, alignment);
            ulong end = valueStart + valueLength;
            if (end > (ulong)notes.Length)
            {
                throw new BootException($"the kernel image has a note of {end} bytes where {notes.Length} are left");
            }

            if (type == Physical32Entry && notes.Slice(HeaderLength, (int)nameLength).SequenceEqual(Owner))
            {
                return Entry(notes.Slice((int)valueStart, (int)valueLength));
            }

            // The last one's padding may be missing.
            notes = notes[(int)Math.Min(Align(end, alignment), (ulong)notes.Length)..];
        }

        return null;
    }

    private static uint Entry(ReadOnlySpan<byte> value)
    {
        ulong entry = value.Length switch
        {
            4 => BinaryPrimitives.ReadUInt32LittleEndian(value),
            8 => BinaryPrimitives.ReadUInt64LittleEndian(value),
            _ => throw new BootException($"the kernel image's note XEN_ELFNOTE_PHYS32_ENTRY has {value.Length} bytes; 4 and 8 are possible"),
        };
        return entry <= uint.MaxValue ? (uint)entry : throw new BootException($"the kernel image is to be entered at 0x{entry:x}, which 32-bit mode does not reach");
    }

    private static ulong Align(ulong value, uint alignment) => (value + (alignment - 1)) & ~((ulong)alignment - 1);
}
