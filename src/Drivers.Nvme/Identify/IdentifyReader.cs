using System.Buffers.Binary;
using System.Text;

namespace Makatea.Drivers.Nvme;

/// <summary>Reads fields out of a private copy of a structure that the controller wrote.</summary>
internal readonly ref struct IdentifyReader(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    internal byte Byte(int offset) => _data[offset];

    internal ushort UInt16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_data[offset..]);

    internal uint UInt32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_data[offset..]);

    internal ulong UInt64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_data[offset..]);

    /// <summary>128 bits, as counters have; more than 64 bits give the largest 64-bit value.</summary>
    internal ulong Counter(int offset) => UInt64(offset + 8) == 0 ? UInt64(offset) : ulong.MaxValue;

    internal bool IsZero(int offset, int length) => !_data.Slice(offset, length).ContainsAnyExcept((byte)0);

    internal string Hex(int offset, int length) => Convert.ToHexStringLower(_data.Slice(offset, length));

    /// <summary>ASCII, padded with spaces; what cannot be printed is replaced, as it ends up in terminals.</summary>
    internal string Text(int offset, int length)
    {
        var text = new StringBuilder(length);
        foreach (byte character in _data.Slice(offset, length))
        {
            text.Append(character is >= 0x20 and < 0x7f ? (char)character : character == 0 ? ' ' : '?');
        }

        return text.ToString().Trim();
    }
}
