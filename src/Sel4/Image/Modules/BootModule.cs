using System.Buffers.Binary;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Image.Modules;

/// <summary>
/// What the kernel starts: one static ELF file of the root task's segments and, behind them, the archive as a read-only segment. The kernel copies all program headers to one stretch of memory
/// from the first to the last, whatever their type, so there are none but those, and no sections.
/// </summary>
public static class BootModule
{
    /// <summary>GRUB puts smaller modules below the kernel, where the kernel refuses them.</summary>
    public const int SmallestFile = (1 << 20) + Page;

    private const int Page = (int)ArchiveLayout.PageLength;

    // The kernel adds two pages behind the image: the IPC buffer and the boot information.
    private const ulong AddressLimit = 0x7fff_ffff_f000 - (2 * Page);

    /// <summary>Makes one.</summary>
    /// <param name="rootTask">The root task: static, at fixed addresses below <see cref="ArchiveLayout.Address"/>.</param>
    /// <param name="board">The kernel that will start it.</param>
    /// <param name="files">What the root task is to find, in this order.</param>
    /// <returns>The file's bytes.</returns>
    /// <exception cref="ImageException">Something does not fit: all of it is said.</exception>
    public static byte[] Build(ElfFile rootTask, BoardTable board, IReadOnlyList<ArchiveFile> files)
    {
        ElfSegment[] segments = [.. rootTask.Segments.Where(s => s.Type == ElfSegment.Load && s.MemoryLength > 0).OrderBy(s => s.Address)];
        byte[] archive = Archive.Write(board.Values, files);
        string[] problems = [.. Check(rootTask, segments, archive, board)];
        if (problems.Length > 0)
        {
            throw new ImageException(problems.Select(p => $"{rootTask.Name} cannot be the root task: {p}"));
        }

        ElfSegment[] all = [.. segments, new ElfSegment(ElfSegment.Load, ElfRights.Read, 0, ArchiveLayout.Address, (ulong)archive.Length, (ulong)archive.Length)];
        var file = new MemoryStream();
        file.Write(new byte[ElfFile.HeaderLength + (all.Length * ElfFile.ProgramHeaderLength)]);
        for (int i = 0; i < all.Length; i++)
        {
            // ELF-64 2.2: address and offset agree modulo the page.
            PadTo(file, AlignUp(file.Length) + (long)(all[i].Address % Page));
            long offset = file.Length;
            file.Write(i < segments.Length ? rootTask.Contents(segments[i]) : archive);
            all[i] = all[i] with { Offset = (ulong)offset };
        }

        PadTo(file, Math.Max(AlignUp(file.Length), SmallestFile));
        byte[] bytes = file.ToArray();
        WriteHeaders(bytes, rootTask.Entry, all);
        return bytes;
    }

    /// <summary>The board table and the files of a boot module.</summary>
    /// <exception cref="ImageException">It is none, or broken.</exception>
    public static (ulong[] Board, IReadOnlyList<ArchiveFile> Files) Read(string name, ReadOnlyMemory<byte> bytes)
    {
        var file = ElfFile.Parse(name, bytes);
        ElfSegment[] segments = [.. file.Segments.Where(s => s.Type == ElfSegment.Load && s.Address == ArchiveLayout.Address)];
        return segments.Length == 1
            ? Archive.Read(bytes.Slice((int)segments[0].Offset, (int)segments[0].FileLength))
            : throw file.Broken($"it is no boot module: found {segments.Length} segments at 0x{ArchiveLayout.Address:x}, expected the archive");
    }

    private static IEnumerable<string> Check(ElfFile file, ElfSegment[] segments, byte[] archive, BoardTable board)
    {
        if (file.Type != ElfFile.Executable || file.Segments.Any(s => s.Type is ElfSegment.Interpreter or ElfSegment.Dynamic))
        {
            yield return $"it is not static at fixed addresses (type {file.Type}, needed is {ElfFile.Executable}, without a dynamic section); link it with -static -no-pie";
        }

        if (segments.Length == 0)
        {
            yield return "it has no segments";
            yield break;
        }

        for (int i = 1; i < segments.Length; i++)
        {
            if (segments[i].Address < segments[i - 1].End)
            {
                yield return $"its segments at 0x{segments[i - 1].Address:x} and 0x{segments[i].Address:x} overlap";
            }
        }

        ulong start = segments[0].Address;
        if (start % Page != 0)
        {
            yield return $"it begins at 0x{start:x}, needed is the start of a page";
        }

        ulong end = segments.Max(s => s.End);
        if (end > ArchiveLayout.Address)
        {
            yield return $"it reaches to 0x{end:x}, where the archive is: allowed is up to 0x{ArchiveLayout.Address:x}";
            yield break;
        }

        if (!segments.Any(s => s.Flags.HasFlag(ElfRights.Execute) && file.Entry >= s.Address && file.Entry < s.End))
        {
            yield return $"its entry point 0x{file.Entry:x} is in no segment that may be executed";
        }

        // The kernel puts a capability of each page into the root task's table.
        ulong pages = (ArchiveLayout.Address + (ulong)archive.Length - start) / Page;
        ulong slots = (1ul << (int)board[BoardValue.RootCNodeBits]) / 2;
        if (pages > slots || ArchiveLayout.Address + (ulong)archive.Length > AddressLimit)
        {
            yield return $"with the archive it has {pages} pages, allowed are {slots}: half of the slots in the root task's table (ROOT_CNODE_SIZE_BITS); leave out components";
        }
    }

    /// <summary>[ELF-64 1.5, 2.1].</summary>
    private static void WriteHeaders(byte[] file, ulong entry, ElfSegment[] segments)
    {
        Span<byte> header = file;
        ReadOnlySpan<byte> identification = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identification.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], ElfFile.Executable);
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], entry);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], ElfFile.HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], ElfFile.HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], ElfFile.ProgramHeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], (ushort)segments.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(header[58..], 64);
        for (int i = 0; i < segments.Length; i++)
        {
            Span<byte> at = header[(ElfFile.HeaderLength + (i * ElfFile.ProgramHeaderLength))..];
            BinaryPrimitives.WriteUInt32LittleEndian(at, ElfSegment.Load);
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], (uint)segments[i].Flags);
            BinaryPrimitives.WriteUInt64LittleEndian(at[8..], segments[i].Offset);
            BinaryPrimitives.WriteUInt64LittleEndian(at[16..], segments[i].Address);
            BinaryPrimitives.WriteUInt64LittleEndian(at[24..], segments[i].Address);
            BinaryPrimitives.WriteUInt64LittleEndian(at[32..], segments[i].FileLength);
            BinaryPrimitives.WriteUInt64LittleEndian(at[40..], segments[i].MemoryLength);
            BinaryPrimitives.WriteUInt64LittleEndian(at[48..], Page);
        }
    }

    private static long AlignUp(long length) => (length + Page - 1) & -Page;

    private static void PadTo(MemoryStream file, long length)
    {
        file.SetLength(length);
        file.Position = length;
    }
}
