namespace Makatea.Drivers.Nvme;

/// <summary>An entry of the error log ([NVMe-2.1] Figure 205).</summary>
/// <param name="Number">Counts all errors over the controller's life, from 1.</param>
/// <param name="Queue">Submission queue of the command, 65,535 where it was none.</param>
/// <param name="CommandId">Identifier of the command, 65,535 where it was none.</param>
/// <param name="Status">How the command ended.</param>
/// <param name="Block">First block that was in error.</param>
/// <param name="NamespaceId">Namespace.</param>
public readonly record struct NvmeErrorEntry(ulong Number, ushort Queue, ushort CommandId, NvmeStatus Status, ulong Block, uint NamespaceId)
{
    internal const int Length = 64;

    /// <summary>Reads the entries that are in use, the newest first.</summary>
    internal static IReadOnlyList<NvmeErrorEntry> ParseAll(ReadOnlySpan<byte> data)
    {
        var entries = new List<NvmeErrorEntry>();
        for (int offset = 0; offset + Length <= data.Length; offset += Length)
        {
            var reader = new IdentifyReader(data.Slice(offset, Length));
            if (reader.UInt64(0) != 0)
            {
                entries.Add(new(
                    reader.UInt64(0), reader.UInt16(8), reader.UInt16(10), new NvmeStatus((ushort)(reader.UInt16(12) >> 1)), reader.UInt64(16), reader.UInt32(24)));
            }
        }

        return entries;
    }
}
