namespace Makatea.Virtio.Net;

/// <summary>
/// The Toeplitz hash of receive-side scaling: the XOR of the 32-bit windows of the key that start at each bit set in the input. A table of the window sums of each byte at each place is
/// made with the key, so that a hash costs a look-up a byte.
/// </summary>
internal sealed class ToeplitzHash
{
    /// <summary>Longest key in bytes: the longest input, two IPv6 addresses and two ports, and 32 bits.</summary>
    public const int MaxKeyLength = 40;

    /// <summary>Longest input in bytes.</summary>
    public const int MaxInputLength = MaxKeyLength - 4;

    private readonly uint[] _table = new uint[MaxInputLength * 256];

    /// <summary>Makes the table of a key; one that is too short goes on with zeroes.</summary>
    public ToeplitzHash(ReadOnlySpan<byte> key)
    {
        Span<byte> padded = stackalloc byte[MaxKeyLength];
        padded.Clear();
        key[..Math.Min(key.Length, MaxKeyLength)].CopyTo(padded);
        for (int place = 0; place < MaxInputLength; place++)
        {
            ulong window = 0;
            for (int i = 0; i < 5; i++)
            {
                window = (window << 8) | padded[place + i];
            }

            for (int value = 1; value < 256; value++)
            {
                uint sum = 0;
                for (int bit = 0; bit < 8; bit++)
                {
                    if ((value & (0x80 >> bit)) != 0)
                    {
                        sum ^= (uint)(window >> (8 - bit));
                    }
                }

                _table[(place * 256) + value] = sum;
            }
        }
    }

    /// <summary>Hashes up to <see cref="MaxInputLength"/> bytes.</summary>
    public uint Compute(ReadOnlySpan<byte> input)
    {
        uint hash = 0;
        ReadOnlySpan<uint> table = _table;
        for (int i = 0; i < input.Length; i++)
        {
            hash ^= table[(i * 256) + input[i]];
        }

        return hash;
    }
}
