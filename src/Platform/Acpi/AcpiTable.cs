using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform;

/// <summary>An ACPI system description table whose header was checked ([ACPI-6.5] 5.2.6): signature, length, checksum.</summary>
public sealed class AcpiTable
{
    /// <summary>Length of the header in bytes.</summary>
    public const int HeaderLength = 36;

    private readonly ReadOnlyMemory<byte> _bytes;

    private AcpiTable(string signature, ReadOnlyMemory<byte> bytes)
    {
        Signature = signature;
        _bytes = bytes;
    }

    /// <summary>Four characters, such as <c>DMAR</c>.</summary>
    public string Signature { get; }

    /// <summary>Revision of the table's layout.</summary>
    public byte Revision => _bytes.Span[8];

    /// <summary>What follows the header.</summary>
    public ReadOnlySpan<byte> Body => _bytes.Span[HeaderLength..];

    /// <summary>The whole table.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>Finds a table.</summary>
    /// <returns>The first with that signature, or null.</returns>
    /// <exception cref="InvalidDataException">It is there and broken; the message says how.</exception>
    public static AcpiTable? Find(IEnumerable<ReadOnlyMemory<byte>> tables, string signature)
    {
        foreach (ReadOnlyMemory<byte> table in tables)
        {
            if (table.Length >= 4 && Encoding.ASCII.GetString(table.Span[..4]) == signature)
            {
                return Parse(table);
            }
        }

        return null;
    }

    /// <summary>Checks a table.</summary>
    /// <param name="bytes">The table; what follows its length is left out.</param>
    /// <exception cref="InvalidDataException">It is broken; the message says how.</exception>
    public static AcpiTable Parse(ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> span = bytes.Span;
        if (span.Length < HeaderLength)
        {
            throw new InvalidDataException($"an ACPI table of {span.Length} bytes is shorter than its header of {HeaderLength}");
        }

        string signature = Encoding.ASCII.GetString(span[..4]);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(span[4..]);
        if (length < HeaderLength || length > span.Length)
        {
            throw new InvalidDataException($"the ACPI table {signature} says that it has {length} bytes; {HeaderLength} to {span.Length} are possible");
        }

        byte sum = 0;
        foreach (byte b in span[..(int)length])
        {
            sum += b;
        }

        return sum == 0
            ? new AcpiTable(signature, bytes[..(int)length])
            : throw new InvalidDataException($"the bytes of the ACPI table {signature} add up to 0x{sum:x2} and must to 0");
    }
}
