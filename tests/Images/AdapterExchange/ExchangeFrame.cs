using System.Buffers.Binary;

namespace Makatea.AdapterExchange;

/// <summary>
/// A frame of the exchange: addresses, Ethernet type 0x88b5 (for experiments, [IEEE-802] 9.2.3), be32 number, one byte that says who sent it, be16 length, a body that follows from these, and be32 CRC of all that
/// from the number on.
/// </summary>
internal static class ExchangeFrame
{
    /// <summary>The longest.</summary>
    public const int MaxLength = 1514;

    /// <summary>Sent by the component.</summary>
    public const byte Ours = 1;

    /// <summary>Sent by the peer, in answer to the frame of the same number.</summary>
    public const byte Peers = 2;

    private const ushort EthernetType = 0x88b5;
    private const int TypeAt = 12;
    private const int NumberAt = 14;
    private const int SenderAt = 18;
    private const int LengthAt = 19;
    private const int BodyAt = 21;
    private const int CheckLength = 4;
    private const uint Polynomial = 0xedb8_8320;

    private static readonly uint[] _table = [.. Enumerable.Range(0, 256).Select(i => Remainder((uint)i))];

    /// <summary>Writes a frame; its length follows from its number.</summary>
    /// <returns>Its length in bytes.</returns>
    public static int Write(Span<byte> frame, ReadOnlySpan<byte> to, ReadOnlySpan<byte> from, uint number, byte sender)
    {
        int body = (int)(number * 37 % (MaxLength - BodyAt - CheckLength + 1));
        to.CopyTo(frame);
        from.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[TypeAt..], EthernetType);
        BinaryPrimitives.WriteUInt32BigEndian(frame[NumberAt..], number);
        frame[SenderAt] = sender;
        BinaryPrimitives.WriteUInt16BigEndian(frame[LengthAt..], (ushort)body);
        for (int i = 0; i < body; i++)
        {
            frame[BodyAt + i] = (byte)((number * 31) + ((uint)i * sender * 7));
        }

        int end = BodyAt + body;
        BinaryPrimitives.WriteUInt32BigEndian(frame[end..], Check(frame[NumberAt..end]));
        return end + CheckLength;
    }

    /// <summary>Reads a frame of the exchange; short ones were filled up on the way.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="sender">Who is to have sent it.</param>
    /// <param name="number">Its number.</param>
    /// <returns>False where it is none of the exchange's, or of somebody else.</returns>
    /// <exception cref="InvalidDataException">It was changed on the way.</exception>
    public static bool TryRead(ReadOnlySpan<byte> frame, byte sender, out uint number)
    {
        number = 0;
        if (frame.Length < BodyAt + CheckLength || BinaryPrimitives.ReadUInt16BigEndian(frame[TypeAt..]) != EthernetType || frame[SenderAt] != sender)
        {
            return false;
        }

        number = BinaryPrimitives.ReadUInt32BigEndian(frame[NumberAt..]);
        int end = BodyAt + BinaryPrimitives.ReadUInt16BigEndian(frame[LengthAt..]);
        return frame.Length >= end + CheckLength && BinaryPrimitives.ReadUInt32BigEndian(frame[end..]) == Check(frame[NumberAt..end])
            ? true
            : throw new InvalidDataException($"frame {number} of {frame.Length} bytes was changed on the way");
    }

    private static uint Check(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = _table[(byte)crc ^ value] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static uint Remainder(uint value)
    {
        for (int bit = 0; bit < 8; bit++)
        {
            value = (value & 1) != 0 ? (value >> 1) ^ Polynomial : value >> 1;
        }

        return value;
    }
}
