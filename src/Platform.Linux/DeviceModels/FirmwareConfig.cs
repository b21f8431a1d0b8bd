using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform.Linux;

/// <summary>
/// QEMU's firmware configuration device, read by its own DMA ("QEMU Firmware Configuration (fw_cfg) Device"): files that firmware needs, among them the ACPI tables. All of
/// it is big-endian.
/// </summary>
internal sealed class FirmwareConfig(RegisterSpace ports, DmaSpace memory)
{
    private const ulong DmaPort = 0x514;
    private const ushort DirectoryKey = 0x19;
    private const int DirectoryEntryLength = 64;
    private const int NameOffset = 8;
    private const int NameLength = 56;
    private const int MaxFiles = 4096;
    private const uint ControlError = 1;
    private const uint ControlRead = 2;
    private const uint ControlSelect = 8;

    /// <summary>Reads a file.</summary>
    /// <exception cref="FileNotFoundException">There is none of that name.</exception>
    /// <exception cref="IOException">The device refuses.</exception>
    internal byte[] Read(string name)
    {
        uint count = BinaryPrimitives.ReadUInt32BigEndian(Read(DirectoryKey, 4));
        byte[] directory = Read(DirectoryKey, 4 + (Math.Min((int)count, MaxFiles) * DirectoryEntryLength));
        for (int i = 4; i < directory.Length; i += DirectoryEntryLength)
        {
            ReadOnlySpan<byte> entry = directory.AsSpan(i, DirectoryEntryLength);
            if (Encoding.ASCII.GetString(entry.Slice(NameOffset, NameLength)).TrimEnd('\0') == name)
            {
                return Read(BinaryPrimitives.ReadUInt16BigEndian(entry[4..]), (int)BinaryPrimitives.ReadUInt32BigEndian(entry));
            }
        }

        throw new FileNotFoundException($"the firmware configuration has no file {name}");
    }

    private byte[] Read(ushort key, int length)
    {
        // A request: control, length, address. Its control is zero when it is done.
        const int RequestLength = 16;
        using DmaMemory buffer = memory.Allocate((ulong)(RequestLength + length));
        Span<byte> view = buffer.Slice(0, RequestLength + length).AsSpan();
        BinaryPrimitives.WriteUInt32BigEndian(view, ((uint)key << 16) | ControlSelect | ControlRead);
        BinaryPrimitives.WriteUInt32BigEndian(view[4..], (uint)length);
        BinaryPrimitives.WriteUInt64BigEndian(view[8..], buffer.Iova + RequestLength);
        ports.WriteUInt32(DmaPort, BinaryPrimitives.ReverseEndianness((uint)(buffer.Iova >> 32)));
        ports.WriteUInt32(DmaPort + 4, BinaryPrimitives.ReverseEndianness((uint)buffer.Iova));
        uint control = BinaryPrimitives.ReadUInt32BigEndian(view);
        return control == 0
            ? view[RequestLength..].ToArray()
            : throw new IOException($"the firmware configuration does not give {length} bytes of entry 0x{key:x}: control is 0x{control:x}{((control & ControlError) != 0 ? " (error)" : "")}");
    }
}
