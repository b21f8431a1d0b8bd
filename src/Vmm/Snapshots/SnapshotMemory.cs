using Makatea.Platform;

namespace Makatea.Vmm.Snapshots;

/// <summary>A guest's memory to and from a snapshot's file. It goes through a buffer: what is checked is what is used, whoever else writes.</summary>
internal static class SnapshotMemory
{
    private const int BufferLength = 1 << 20;

    /// <summary>Writes memory behind the header.</summary>
    /// <returns>Which pages are there, and their checksum.</returns>
    public static (PageSet Pages, uint Checksum) Write(Stream file, GuestMemory memory)
    {
        var pages = new PageSet(PageCount(memory));
        Checksum checksum = new();
        byte[] buffer = new byte[BufferLength];
        int first = 0;
        foreach (MemorySegment segment in Pieces(memory))
        {
            Span<byte> bytes = buffer.AsSpan(0, segment.Length);
            segment.AsSpan().CopyTo(bytes);
            int count = segment.Length / SnapshotHeader.Length;
            for (int i = 0; i < count; i++)
            {
                pages[first + i] = bytes.Slice(i * SnapshotHeader.Length, SnapshotHeader.Length).ContainsAnyExcept((byte)0);
            }

            for (int i = 0, run; i < count; i += run)
            {
                run = pages.Run(first + i, count - i);
                if (pages[first + i])
                {
                    Span<byte> there = bytes.Slice(i * SnapshotHeader.Length, run * SnapshotHeader.Length);
                    checksum.Add(there);
                    file.Position = Offset(first + i);
                    file.Write(there);
                }
            }

            first += count;
        }

        return (pages, checksum.Value);
    }

    /// <summary>Reads the pages that are there into memory that is new.</summary>
    /// <returns>Their checksum.</returns>
    /// <exception cref="EndOfStreamException">The file is shorter than it was.</exception>
    public static uint Read(Stream file, PageSet pages, GuestMemory memory)
    {
        Checksum checksum = new();
        byte[] buffer = new byte[BufferLength];
        int first = 0;
        foreach (MemorySegment segment in Pieces(memory))
        {
            int count = segment.Length / SnapshotHeader.Length;
            for (int i = 0, run; i < count; i += run)
            {
                run = pages.Run(first + i, count - i);
                if (pages[first + i])
                {
                    Span<byte> there = buffer.AsSpan(0, run * SnapshotHeader.Length);
                    file.Position = Offset(first + i);
                    file.ReadExactly(there);
                    checksum.Add(there);
                    there.CopyTo(segment.Slice(i * SnapshotHeader.Length, there.Length).AsSpan());
                }
            }

            first += count;
        }

        return checksum.Value;
    }

    /// <summary>Number of pages of a guest's memory.</summary>
    public static int PageCount(GuestMemory memory) => checked((int)(Length(memory) / SnapshotHeader.Length));

    /// <summary>Bytes of a guest's memory.</summary>
    public static ulong Length(GuestMemory memory) => memory.Regions.Aggregate(0UL, (sum, region) => sum + region.Length);

    private static long Offset(int page) => SnapshotHeader.Length + ((long)page * SnapshotHeader.Length);

    private static IEnumerable<MemorySegment> Pieces(GuestMemory memory)
    {
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            for (ulong offset = 0; offset < region.Length; offset += BufferLength)
            {
                yield return region.Memory.Slice(region.Offset + offset, (int)Math.Min(BufferLength, region.Length - offset));
            }
        }
    }
}
