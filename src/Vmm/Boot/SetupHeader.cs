using System.Buffers.Binary;

namespace Makatea.Vmm.Boot;

/// <summary>The setup header of a bzImage, checked ([LINUX-BOOT] The Real-Mode Kernel Header). What the loader answers in it is in <see cref="ZeroPage"/>.</summary>
internal sealed class SetupHeader
{
    /// <summary>Length of the part of the image that the header lies in.</summary>
    internal const int ImageLength = 1024;

    /// <summary>Where the header starts, in the image and in the zero page alike.</summary>
    internal const int Start = 0x1f1;

    // The zero page has other fields from here on.
    private const int LargestEnd = 0x290;
    private const int SectorLength = 512;
    private const uint Magic = 0x5372_6448; // "HdrS"
    private const int Version212 = 0x020c; // the first to say whether there is a 64-bit entry
    private const int LoadedHigh = 1 << 0;
    private const int Kernel64 = 1 << 0;

    private readonly byte[] _bytes;

    private SetupHeader(byte[] bytes, ulong codeOffset, ulong codeLength)
    {
        _bytes = bytes;
        CodeOffset = codeOffset;
        CodeLength = codeLength;
    }

    /// <summary>The header as it is in the image.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Where in the image the code starts that runs in protected and in long mode.</summary>
    internal ulong CodeOffset { get; }

    /// <summary>Its length in bytes; it is in the image.</summary>
    internal ulong CodeLength { get; }

    /// <summary>The last address that the initramfs may have.</summary>
    internal uint InitramfsLast => UInt32(0x22c);

    /// <summary>Longest command line in bytes, without its terminator.</summary>
    internal uint CommandLineLength => UInt32(0x238);

    /// <summary>Where the kernel wants to be.</summary>
    internal ulong PreferredAddress => BinaryPrimitives.ReadUInt64LittleEndian(Field(0x258));

    /// <summary>How much memory it needs there until it knows its memory.</summary>
    internal uint InitSize => UInt32(0x260);

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="BootException">The image is none that the 64-bit boot protocol takes.</exception>
    internal static SetupHeader Read(BootImage image)
    {
        byte[] head = new byte[ImageLength];
        ImageReader.Read(image, "the kernel image", 0, head);
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(0x202));
        if (BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(0x1fe)) != 0xaa55 || magic != Magic)
        {
            throw new BootException($"the kernel image is neither an ELF file nor a bzImage: it has 0x{magic:x8} where a bzImage has 0x{Magic:x8}, \"HdrS\"");
        }

        int version = BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(0x206));
        if (version < Version212)
        {
            throw new BootException($"the kernel image speaks boot protocol {version >> 8}.{version & 0xff:d2}; 2.12 (Linux 3.8) or later is needed");
        }

        if ((head[0x211] & LoadedHigh) == 0 || (BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(0x236)) & Kernel64) == 0)
        {
            throw new BootException("the kernel image has no 64-bit entry (XLF_KERNEL_64): it is a zImage or a 32-bit kernel");
        }

        // The jump over the header tells where it ends.
        int end = 0x202 + head[0x201];
        if (end is < 0x268 or > LargestEnd)
        {
            throw new BootException($"the kernel image's setup header ends at 0x{end:x}; 0x268 to 0x{LargestEnd:x} are possible");
        }

        ulong codeOffset = ((head[Start] == 0 ? 4UL : head[Start]) + 1) * SectorLength;
        ulong codeLength = FindCode(image.Length, codeOffset, 16UL * BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(0x1f4)));
        return new SetupHeader(head[Start..end], codeOffset, codeLength);
    }

    // The header counts in units of 16 bytes: the last may be a part.
    private static ulong FindCode(ulong imageLength, ulong offset, ulong said)
    {
        ulong available = imageLength > offset ? imageLength - offset : 0;
        ulong length = Math.Min(said, available);
        return length > LinuxKernel.EntryOffset && said - length < 16
            ? length
            : throw new BootException(
                $"the kernel image holds {available} bytes from offset 0x{offset:x} on; its header says {said}, and more than {LinuxKernel.EntryOffset} are needed: it is cut short");
    }

    private uint UInt32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(Field(offset));

    private ReadOnlySpan<byte> Field(int offset) => _bytes.AsSpan(offset - Start);
}
