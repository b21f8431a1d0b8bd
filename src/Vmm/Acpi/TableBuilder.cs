using System.Buffers.Binary;
using System.Text;

namespace Makatea.Vmm.Acpi;

/// <summary>Fills a table and closes it with its length and checksum ([ACPI-6.5] 5.2.6).</summary>
internal sealed class TableBuilder
{
    internal const int HeaderLength = 36;

    private const string Manufacturer = "MAKTEA";
    private const string Model = "MAKATEA ";
    private const int LengthOffset = 4;
    private const int ChecksumOffset = 9;

    private readonly List<byte> _bytes;

    internal TableBuilder(string signature, byte revision) => _bytes =
    [
        .. Encoding.ASCII.GetBytes(signature), 0, 0, 0, 0, revision, 0, .. Encoding.ASCII.GetBytes(Manufacturer), .. Encoding.ASCII.GetBytes(Model), 1, 0, 0, 0,
        .. "MAKA"u8, 1, 0, 0, 0,
    ];

    /// <summary>Where the next field is.</summary>
    internal int Offset => _bytes.Count;

    internal TableBuilder Add(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    internal TableBuilder Add(byte value)
    {
        _bytes.Add(value);
        return this;
    }

    internal TableBuilder Add(ushort value) => Add(BitConverter.GetBytes(value));

    internal TableBuilder Add(uint value) => Add(BitConverter.GetBytes(value));

    internal TableBuilder Add(ulong value) => Add(BitConverter.GetBytes(value));

    /// <summary>Adds zeroes up to an offset.</summary>
    internal TableBuilder To(int offset)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _bytes.Count);
        return Add(new byte[offset - _bytes.Count]);
    }

    /// <summary>The whole table.</summary>
    internal byte[] Close()
    {
        byte[] table = [.. _bytes];
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(LengthOffset), table.Length);
        table[ChecksumOffset] = Checksum(table);
        return table;
    }

    /// <summary>What makes the sum of all bytes 0.</summary>
    internal static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte b in bytes)
        {
            sum += b;
        }

        return (byte)-sum;
    }
}
