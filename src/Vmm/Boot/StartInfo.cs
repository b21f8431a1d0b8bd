using System.Buffers.Binary;

namespace Makatea.Vmm.Boot;

/// <summary>
/// PVH's <c>struct hvm_start_info</c>, version 1, and behind it what it points to: the list of modules, of which the first is the initramfs, and the memory map
/// ([PVH] xen/include/public/arch-x86/hvm/start_info.h).
/// </summary>
internal sealed class StartInfo
{
    internal const int HeaderLength = 56;
    internal const int ModuleLength = 32;
    internal const int MapEntryLength = 24;

    private const uint Magic = 0x336e_c578;
    private const uint Version = 1;
    private const int ModuleStart = HeaderLength;
    private const int MapStart = ModuleStart + ModuleLength;

    private readonly byte[] _bytes;

    internal StartInfo(AddressRange initramfs, ulong commandLine, ulong rootPointer, IReadOnlyList<MemoryMapEntry> map)
    {
        bool hasModule = initramfs.Length != 0;
        _bytes = new byte[MapStart + map.Count * MapEntryLength];
        Write32(0, Magic);
        Write32(4, Version);
        Write32(12, hasModule ? 1U : 0U);
        Write64(16, hasModule ? BootArea.StartInfo + ModuleStart : 0);
        Write64(24, commandLine);
        Write64(32, rootPointer);
        Write64(40, BootArea.StartInfo + MapStart);
        Write32(48, (uint)map.Count);
        Write64(ModuleStart, initramfs.First);
        Write64(ModuleStart + 8, initramfs.Length);
        for (int i = 0; i < map.Count; i++)
        {
            int entry = MapStart + i * MapEntryLength;
            Write64(entry, map[i].Range.First);
            Write64(entry + 8, map[i].Range.Length);
            Write32(entry + 16, (uint)map[i].Type);
        }
    }

    internal ReadOnlySpan<byte> Bytes => _bytes;

    private void Write32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), value);

    private void Write64(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(offset), value);
}
