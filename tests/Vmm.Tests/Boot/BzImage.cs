using System.Buffers.Binary;

namespace Makatea.Vmm.Tests.Boot;

/// <summary>Makes bzImages, right ones and broken ones.</summary>
internal static class BzImage
{
    public const ulong PreferredAddress = 0x100_0000;
    public const uint InitSize = 0x20_0000;
    public const int Sectors = 3;
    public const int CodeOffset = (Sectors + 1) * 512;
    public const int CodeLength = 0x4000;

    public static byte[] Make()
    {
        byte[] image = new byte[CodeOffset + CodeLength];
        Span<byte> span = image;
        new Random(1).NextBytes(span[CodeOffset..]);
        span[0x1f1] = Sectors;
        BinaryPrimitives.WriteUInt32LittleEndian(span[0x1f4..], CodeLength / 16);
        BinaryPrimitives.WriteUInt16LittleEndian(span[0x1fe..], 0xaa55);
        span[0x200] = 0xeb;
        span[0x201] = 0x6a; // to 0x26c
        "HdrS"u8.CopyTo(span[0x202..]);
        BinaryPrimitives.WriteUInt16LittleEndian(span[0x206..], 0x20f);
        span[0x211] = 1; // LOADED_HIGH
        BinaryPrimitives.WriteUInt32LittleEndian(span[0x22c..], 0x7fff_ffff);
        BinaryPrimitives.WriteUInt32LittleEndian(span[0x230..], 0x20_0000);
        span[0x234] = 1; // relocatable
        BinaryPrimitives.WriteUInt16LittleEndian(span[0x236..], 0x3f);
        BinaryPrimitives.WriteUInt32LittleEndian(span[0x238..], 2047);
        BinaryPrimitives.WriteUInt64LittleEndian(span[0x258..], PreferredAddress);
        BinaryPrimitives.WriteUInt32LittleEndian(span[0x260..], InitSize);
        return image;
    }

    public static byte[] With(int offset, ulong value, int width)
    {
        byte[] image = Make();
        BitConverter.GetBytes(value).AsSpan(0, width).CopyTo(image.AsSpan(offset));
        return image;
    }
}
