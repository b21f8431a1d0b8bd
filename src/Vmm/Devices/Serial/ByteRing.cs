namespace Makatea.Vmm;

/// <summary>Bytes in the order in which they came, of a fixed number at most. Its owner's lock guards it.</summary>
/// <param name="capacity">How many at most.</param>
internal sealed class ByteRing(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private int _first;

    public int Count { get; private set; }

    public int Room => _bytes.Length - Count;

    /// <summary>Puts a byte behind the others, in the place of the oldest where there is no room.</summary>
    /// <returns>False where the oldest was lost.</returns>
    public bool Add(byte value)
    {
        _bytes[(int)((uint)(_first + Count) % (uint)_bytes.Length)] = value;
        if (Room != 0)
        {
            Count++;
            return true;
        }

        _first = (int)((uint)(_first + 1) % (uint)_bytes.Length);
        return false;
    }

    /// <summary>Takes the oldest; there must be one.</summary>
    public byte Take()
    {
        byte value = _bytes[_first];
        _first = (int)((uint)(_first + 1) % (uint)_bytes.Length);
        Count--;
        return value;
    }

    /// <summary>Takes the oldest ones.</summary>
    /// <returns>How many.</returns>
    public int Take(Span<byte> destination)
    {
        int count = Math.Min(destination.Length, Count);
        int untilEnd = Math.Min(count, _bytes.Length - _first);
        _bytes.AsSpan(_first, untilEnd).CopyTo(destination);
        _bytes.AsSpan(0, count - untilEnd).CopyTo(destination[untilEnd..]);
        _first = (int)((uint)(_first + count) % (uint)_bytes.Length);
        Count -= count;
        return count;
    }

    public void Clear() => Count = 0;

    /// <summary>All of them, from the oldest on; they stay.</summary>
    public byte[] ToArray() => [.. Enumerable.Range(_first, Count).Select(i => _bytes[(int)((uint)i % (uint)_bytes.Length)])];
}
