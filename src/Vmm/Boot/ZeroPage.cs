using System.Buffers.Binary;

namespace Makatea.Vmm.Boot;

/// <summary>
/// Linux's <c>struct boot_params</c> ([LINUX-BOOT] zero-page): the setup header with the loader's answers, the memory map, where the firmware's tables are. All else is 0: no
/// screen, no disks of a BIOS.
/// </summary>
internal sealed class ZeroPage
{
    internal const int Length = 4096;

    private const int RootPointer = 0x070;
    private const int ExtendedInitramfsAddress = 0x0c0;
    private const int ExtendedInitramfsLength = 0x0c4;
    private const int MapCount = 0x1e8;
    private const int LoaderType = 0x210;
    private const int InitramfsAddress = 0x218;
    private const int InitramfsLength = 0x21c;
    private const int CommandLinePointer = 0x228;
    private const int SetupData = 0x250;
    private const int Map = 0x2d0;
    private const int MapEntryLength = 20;
    private const byte UnregisteredLoader = 0xff;

    private readonly byte[] _bytes = new byte[Length];

    internal ZeroPage(SetupHeader header)
    {
        header.Bytes.CopyTo(_bytes.AsSpan(SetupHeader.Start));
        _bytes[LoaderType] = UnregisteredLoader;
    }

    internal ReadOnlySpan<byte> Bytes => _bytes;

    internal void Describe(AddressRange initramfs, ulong commandLine, ulong rootPointer, ulong setupData)
    {
        Write32(InitramfsAddress, (uint)initramfs.First);
        Write32(ExtendedInitramfsAddress, (uint)(initramfs.First >> 32));
        Write32(InitramfsLength, (uint)initramfs.Length);
        Write32(ExtendedInitramfsLength, (uint)(initramfs.Length >> 32));
        Write32(CommandLinePointer, (uint)commandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(RootPointer), rootPointer);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(SetupData), setupData);
    }

    internal void Describe(IReadOnlyList<MemoryMapEntry> map)
    {
        _bytes[MapCount] = (byte)map.Count;
        for (int i = 0; i < map.Count; i++)
        {
            Span<byte> entry = _bytes.AsSpan(Map + i * MapEntryLength, MapEntryLength);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, map[i].Range.First);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], map[i].Range.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)map[i].Type);
        }
    }

    private void Write32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), value);
}
