using System.Buffers.Binary;

namespace Makatea.Vmm.Tests.Boot;

/// <summary>Makes ELF kernels, right ones and broken ones: a segment with code and some memory behind it, one of data, and notes.</summary>
internal static class PvhImage
{
    public const int Headers = 64;
    public const int HeaderLength = 56;
    public const int Notes = 0x200;
    public const int Code = 0x1000;
    public const int CodeLength = 0x1800;
    public const ulong CodeAddress = 0x20_0000;
    public const ulong CodeMemoryLength = 0x3000;
    public const int Data = 0x3000;
    public const int DataLength = 0x800;
    public const ulong DataAddress = 0x40_0000;
    public const uint Entry = (uint)CodeAddress + 0x100;

    public static byte[] Make(byte[]? notes = null, ulong notesAlignment = 4)
    {
        notes ??= [.. Note("GNU\0", 3, new byte[20]), .. Note("Xen\0", 18, BitConverter.GetBytes((ulong)Entry)), .. Note("Xen\0", 6, "linux\0"u8)];
        byte[] image = new byte[Data + DataLength];
        new Random(2).NextBytes(image.AsSpan(Code));
        byte[] head = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        head.CopyTo(image, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(16), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(18), 62);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(32), Headers);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(54), HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(56), 3);
        Segment(image, 0, 1, Code, CodeLength, CodeAddress, CodeMemoryLength, 0x1000);
        Segment(image, 1, 1, Data, DataLength, DataAddress, DataLength, 0x1000);
        Segment(image, 2, 4, Notes, (ulong)notes.Length, 0, 0, notesAlignment);
        notes.CopyTo(image, Notes);
        return image;
    }

    public static byte[] With(int offset, ulong value, int width)
    {
        byte[] image = Make();
        BitConverter.GetBytes(value).AsSpan(0, width).CopyTo(image.AsSpan(offset));
        return image;
    }

    public static byte[] Note(string owner, uint type, ReadOnlySpan<byte> value, int alignment = 4)
    {
        int start = Align(12 + owner.Length, alignment);
        byte[] note = new byte[Align(start + value.Length, alignment)];
        BinaryPrimitives.WriteInt32LittleEndian(note, owner.Length);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(4), value.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(8), type);
        System.Text.Encoding.ASCII.GetBytes(owner, note.AsSpan(12));
        value.CopyTo(note.AsSpan(start));
        return note;
    }

    private static void Segment(byte[] image, int index, uint type, ulong offset, ulong length, ulong address, ulong memoryLength, ulong alignment)
    {
        Span<byte> header = image.AsSpan(Headers + index * HeaderLength, HeaderLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], memoryLength);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], alignment);
    }

    private static int Align(int value, int alignment) => (value + alignment - 1) & -alignment;
}
