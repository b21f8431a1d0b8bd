using System.Buffers.Binary;

namespace Makatea.Fuzz;

/// <summary>
/// The bytes that decide what a session does. All choices come from here, so that the bytes alone repeat the session; where they end, it ends.
/// </summary>
public sealed class FuzzInput
{
    private byte[] _bytes = [];
    private int _position;

    /// <summary>All of the bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Whether there are none left; further values are 0.</summary>
    public bool IsAtEnd => _position >= _bytes.Length;

    /// <summary>Starts anew with other bytes.</summary>
    public void Reset(byte[] bytes)
    {
        _bytes = bytes;
        _position = 0;
    }

    /// <summary>The next 8 bits.</summary>
    public byte Byte() => _position < _bytes.Length ? _bytes[_position++] : (byte)0;

    /// <summary>The next 16 bits.</summary>
    public ushort UInt16() => (ushort)(Byte() | (Byte() << 8));

    /// <summary>The next 32 bits.</summary>
    public uint UInt32() => UInt16() | ((uint)UInt16() << 16);

    /// <summary>The next 64 bits.</summary>
    public ulong UInt64() => UInt32() | ((ulong)UInt32() << 32);

    /// <summary>A number from 0 to <paramref name="limit"/> - 1; the limit is at most 65,536.</summary>
    public int Below(int limit) => limit <= 256 ? Byte() % limit : UInt16() % limit;

    /// <summary>True once in <paramref name="times"/> times.</summary>
    public bool OneIn(int times) => Byte() % times == 1;

    /// <summary>One of some values.</summary>
    public T Pick<T>(ReadOnlySpan<T> values) => values[Below(values.Length)];

    /// <summary>Fills with the next bytes.</summary>
    public void Fill(Span<byte> destination)
    {
        foreach (ref byte value in destination)
        {
            value = Byte();
        }
    }

    /// <summary>
    /// A number that has gone wrong before: around 0, powers of two, the limits of 16, 32 and 64 bits, or any.
    /// </summary>
    public ulong Odd()
    {
        byte kind = Byte();
        ulong near = (ulong)(sbyte)Byte() / 16;
        return (kind % 8) switch
        {
            0 => near,
            1 => (1ul << (kind / 8)) + near,
            2 => (1ul << (32 + (kind / 8))) + near,
            3 => ushort.MaxValue + near,
            4 => uint.MaxValue + near,
            5 => ulong.MaxValue + near,
            6 => BinaryPrimitives.ReverseEndianness(UInt16()) + near,
            _ => UInt64(),
        };
    }
}
