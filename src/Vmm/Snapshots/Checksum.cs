using System.Buffers.Binary;
using System.Numerics;

namespace Makatea.Vmm.Snapshots;

/// <summary>CRC-32C over any number of pieces: finds damage, and no more than that.</summary>
internal struct Checksum()
{
    private uint _crc = uint.MaxValue;

    public readonly uint Value => ~_crc;

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        Checksum checksum = new();
        checksum.Add(bytes);
        return checksum.Value;
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        uint crc = _crc;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        _crc = crc;
    }
}
