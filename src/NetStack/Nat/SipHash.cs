using System.Numerics;

namespace Makatea.NetStack;

/// <summary>
/// SipHash-1-3 of 64-bit words (Aumasson and Bernstein, 2012): who does not know the key can neither foresee a value nor make values collide, and a few words take some
/// ten nanoseconds.
/// </summary>
internal struct SipHash
{
    private ulong _v0;
    private ulong _v1;
    private ulong _v2;
    private ulong _v3;
    private int _words;

    /// <summary>Begins.</summary>
    public SipHash(UInt128 key)
    {
        ulong k0 = (ulong)key;
        ulong k1 = (ulong)(key >> 64);
        _v0 = k0 ^ 0x736f_6d65_7073_6575;
        _v1 = k1 ^ 0x646f_7261_6e64_6f6d;
        _v2 = k0 ^ 0x6c79_6765_6e65_7261;
        _v3 = k1 ^ 0x7465_6462_7974_6573;
    }

    /// <summary>Takes eight bytes.</summary>
    public void Add(ulong word)
    {
        _v3 ^= word;
        Round();
        _v0 ^= word;
        _words++;
    }

    /// <summary>Takes sixteen bytes.</summary>
    public void Add(UInt128 words)
    {
        Add((ulong)words);
        Add((ulong)(words >> 64));
    }

    /// <summary>Ends: the hash of all that was taken.</summary>
    public ulong Finish()
    {
        Add((ulong)(byte)(_words * sizeof(ulong)) << 56);
        _v2 ^= 0xff;
        Round();
        Round();
        Round();
        return _v0 ^ _v1 ^ _v2 ^ _v3;
    }

    private void Round()
    {
        _v0 += _v1;
        _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
        _v0 = BitOperations.RotateLeft(_v0, 32);
        _v2 += _v3;
        _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
        _v0 += _v3;
        _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
        _v2 += _v1;
        _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
        _v2 = BitOperations.RotateLeft(_v2, 32);
    }
}
