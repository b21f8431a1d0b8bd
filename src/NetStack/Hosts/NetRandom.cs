using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>Unpredictable numbers for ids, ports, sequence numbers and jitter: SipHash of a counter under a secret key. Not thread-safe.</summary>
/// <param name="key">The secret; tests give a fixed one and get the same run again.</param>
public sealed class NetRandom(UInt128 key)
{
    private ulong _counter;

    /// <summary>Makes one with a key from the host.</summary>
    public static NetRandom Create()
    {
        // The runtime fills new GUIDs from the host's generator, without a library of cryptography, which images on seL4 would have to carry. Six of 128 bits are fixed: two make up for it.
        Span<byte> bytes = stackalloc byte[32];
        Guid.NewGuid().TryWriteBytes(bytes);
        Guid.NewGuid().TryWriteBytes(bytes[16..]);
        return new(BinaryPrimitives.ReadUInt128BigEndian(bytes) ^ (BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]) >> 37) ^ (BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]) << 91));
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        var hash = new SipHash(key);
        hash.Add(_counter++);
        return hash.Finish();
    }

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    public int Next(int bound) => (int)(((UInt128)Next() * (uint)bound) >> 64);

    /// <summary>A further secret, for a service of its own.</summary>
    public UInt128 NextKey() => new(Next(), Next());
}
