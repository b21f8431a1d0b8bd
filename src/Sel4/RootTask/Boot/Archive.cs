namespace Makatea.Sel4;

/// <summary>What the image builder put behind the root task: the kernel's numbers, programs and their manifest.</summary>
internal static unsafe class Archive
{
    private static ArchiveHeader* Header => (ArchiveHeader*)ArchiveLayout.Address;

    /// <summary>The kernel's numbers; nothing where the archive was made for another root task.</summary>
    internal static long* Board() =>
        Header->Magic == ArchiveLayout.Magic && Header->Version == ArchiveLayout.Version && Header->BoardCount == (ulong)BoardValue.Count
            ? (long*)(ArchiveLayout.Address + Header->BoardOffset)
            : null;

    /// <summary>Where it ends: the end of a page.</summary>
    internal static ulong End => ArchiveLayout.Address + Header->Length;

    /// <summary>Finds a file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="file">Its contents, from the start of a page on.</param>
    internal static bool TryFind(Text name, out Text file)
    {
        ulong entry = 0;
        while (entry < Header->EntryCount && !NameOf(entry).Is(name))
        {
            entry++;
        }

        return TryGet(entry, out file);
    }

    /// <summary>Finds a file whose name is ASCII.</summary>
    internal static bool TryFind(string name, out Text file)
    {
        ulong entry = 0;
        while (entry < Header->EntryCount && !NameOf(entry).Is(name))
        {
            entry++;
        }

        return TryGet(entry, out file);
    }

    private static ArchiveEntry* Entry(ulong entry) => (ArchiveEntry*)(ArchiveLayout.Address + Header->EntriesOffset) + entry;

    private static Text NameOf(ulong entry) => new((byte*)ArchiveLayout.Address + Entry(entry)->NameOffset, Entry(entry)->NameLength);

    private static bool TryGet(ulong entry, out Text file)
    {
        bool found = entry < Header->EntryCount;
        file = found ? new Text((byte*)ArchiveLayout.Address + Entry(entry)->Offset, Entry(entry)->Length) : default;
        return found;
    }
}
