using System.Runtime.InteropServices;
using System.Text;

namespace Makatea.Sel4.Image.Modules;

/// <summary>Writes and reads archives (<see cref="ArchiveLayout"/>).</summary>
internal static class Archive
{
    private const int LongestName = 255;
    private const int LongestArchive = 1 << 30;
    private const int Page = (int)ArchiveLayout.PageLength;

    private static readonly int _headerLength = Marshal.SizeOf<ArchiveHeader>();
    private static readonly int _entryLength = Marshal.SizeOf<ArchiveEntry>();

    /// <summary>An archive of a board table and files.</summary>
    /// <exception cref="ImageException">A name cannot be used, or it is larger than 1 GiB.</exception>
    public static byte[] Write(ReadOnlySpan<ulong> board, IReadOnlyList<ArchiveFile> files)
    {
        byte[][] names = [.. files.Select(f => CheckName(f.Name))];
        if (files.GroupBy(f => f.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ImageException($"the archive would have {twice.Key} {twice.Count()} times, allowed is once");
        }

        int entriesOffset = _headerLength + (board.Length * sizeof(ulong));
        int nameOffset = entriesOffset + (files.Count * _entryLength);
        long contents = AlignUp(nameOffset + names.Sum(n => (long)n.Length));
        long length = contents + files.Sum(f => AlignUp(f.Contents.Length));
        if (length > LongestArchive)
        {
            throw new ImageException($"the archive would have {length} bytes, allowed are {LongestArchive}");
        }

        byte[] archive = new byte[length];
        MemoryMarshal.Write(archive, new ArchiveHeader
        {
            Magic = ArchiveLayout.Magic,
            Version = ArchiveLayout.Version,
            Length = (ulong)length,
            BoardOffset = (ulong)_headerLength,
            BoardCount = (ulong)board.Length,
            EntriesOffset = (ulong)entriesOffset,
            EntryCount = (ulong)files.Count,
        });
        MemoryMarshal.AsBytes(board).CopyTo(archive.AsSpan(_headerLength));
        for (int i = 0; i < files.Count; i++)
        {
            var entry = new ArchiveEntry { NameOffset = (ulong)nameOffset, NameLength = (ulong)names[i].Length, Offset = (ulong)contents, Length = (ulong)files[i].Contents.Length };
            MemoryMarshal.Write(archive.AsSpan(entriesOffset + (i * _entryLength)), entry);
            names[i].CopyTo(archive.AsSpan(nameOffset));
            files[i].Contents.Span.CopyTo(archive.AsSpan((int)contents));
            nameOffset += names[i].Length;
            contents += AlignUp(files[i].Contents.Length);
        }

        return archive;
    }

    /// <summary>The board table and the files of an archive.</summary>
    /// <exception cref="ImageException">It is none, of another version, or broken.</exception>
    public static (ulong[] Board, IReadOnlyList<ArchiveFile> Files) Read(ReadOnlyMemory<byte> archive)
    {
        ReadOnlySpan<byte> bytes = archive.Span;
        Require(bytes.Length >= _headerLength, "it is shorter than its header");
        ArchiveHeader header = MemoryMarshal.Read<ArchiveHeader>(bytes);
        Require(header.Magic == ArchiveLayout.Magic, "it does not begin like one");
        Require(header.Version == ArchiveLayout.Version, $"it has version {header.Version}, known is {ArchiveLayout.Version}");
        Require(header.Length == (ulong)bytes.Length, $"it says that it has {header.Length} bytes and has {bytes.Length}");
        ReadOnlySpan<byte> board = Part(bytes, header.BoardOffset, header.BoardCount, sizeof(ulong));
        ReadOnlySpan<ArchiveEntry> entries = MemoryMarshal.Cast<byte, ArchiveEntry>(Part(bytes, header.EntriesOffset, header.EntryCount, _entryLength));
        var files = new List<ArchiveFile>(entries.Length);
        foreach (ArchiveEntry entry in entries)
        {
            string name = Encoding.UTF8.GetString(Part(bytes, entry.NameOffset, entry.NameLength, 1));
            Require(entry.Offset % ArchiveLayout.PageLength == 0, $"{name} does not begin with a page");
            _ = Part(bytes, entry.Offset, entry.Length, 1);
            files.Add(new ArchiveFile(name, archive.Slice((int)entry.Offset, (int)entry.Length)));
        }

        return (MemoryMarshal.Cast<byte, ulong>(board).ToArray(), files);
    }

    private static long AlignUp(long length) => (length + Page - 1) & -Page;

    private static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> archive, ulong offset, ulong count, int size)
    {
        Require(offset <= (ulong)archive.Length && count <= ((ulong)archive.Length - offset) / (ulong)size, "a table or a file is outside of it");
        return archive.Slice((int)offset, (int)count * size);
    }

    private static byte[] CheckName(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        return bytes.Length is > 0 and <= LongestName && !name.Any(char.IsControl) ? bytes
            : throw new ImageException($"'{name}' cannot name a file in the archive: it has {bytes.Length} bytes, allowed are 1 to {LongestName} without control characters");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ImageException($"the archive cannot be read: {otherwise}");
        }
    }
}
