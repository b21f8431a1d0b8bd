using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform.Linux;

/// <summary>
/// ACPI tables as QEMU gives them to firmware: one after the other in a file, with a script of what firmware does to them ("etc/table-loader"). No firmware runs here. The
/// tables are not placed anywhere, so pointers stay offsets into the file; checksums are set as the script says.
/// </summary>
internal static class FirmwareTables
{
    private const string TablesFile = "etc/acpi/tables";
    private const int CommandLength = 128;
    private const uint AddChecksum = 3;
    private const int NameLength = 56;
    private const int TableHeader = 8;

    /// <summary>Reads the tables.</summary>
    internal static IReadOnlyList<ReadOnlyMemory<byte>> Read(FirmwareConfig config)
    {
        byte[] script = config.Read("etc/table-loader");
        byte[] tables = config.Read(TablesFile);
        for (int i = 0; i + CommandLength <= script.Length; i += CommandLength)
        {
            Run(script.AsSpan(i, CommandLength), tables);
        }

        return Split(tables);
    }

    private static void Run(ReadOnlySpan<byte> command, Span<byte> tables)
    {
        // Command, then for a checksum: file, where it is, first byte and number of bytes that it covers.
        if (BinaryPrimitives.ReadUInt32LittleEndian(command) != AddChecksum
            || Encoding.ASCII.GetString(command.Slice(4, NameLength)).TrimEnd('\0') != TablesFile)
        {
            return;
        }

        ReadOnlySpan<byte> numbers = command[(4 + NameLength)..];
        int checksum = (int)BinaryPrimitives.ReadUInt32LittleEndian(numbers);
        ReadOnlySpan<byte> covered = tables.Slice((int)BinaryPrimitives.ReadUInt32LittleEndian(numbers[4..]), (int)BinaryPrimitives.ReadUInt32LittleEndian(numbers[8..]));
        byte sum = 0;
        foreach (byte b in covered)
        {
            sum += b;
        }

        tables[checksum] -= sum;
    }

    private static List<ReadOnlyMemory<byte>> Split(ReadOnlyMemory<byte> file)
    {
        List<ReadOnlyMemory<byte>> tables = [];
        while (file.Length >= TableHeader && file.Span[0] != 0)
        {
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(file.Span[4..]);
            if (length < TableHeader || length > file.Length)
            {
                throw new InvalidDataException($"table {tables.Count} of {TablesFile} says that it has {length} bytes; {TableHeader} to {file.Length} are possible");
            }

            tables.Add(file[..length]);
            file = file[length..];
        }

        return tables;
    }
}
