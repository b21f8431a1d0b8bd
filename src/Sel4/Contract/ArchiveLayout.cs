namespace Makatea.Sel4;

/// <summary>
/// The archive that the image builder puts behind the root task, one read-only segment of the boot module. All numbers are 64 bits, little-endian; offsets count bytes from the archive's start.
/// <code>
/// 0               ArchiveHeader
/// BoardOffset     BoardCount values, in the order of BoardValue
/// EntriesOffset   EntryCount ArchiveEntry
///                 names, UTF-8, not terminated
/// pages           contents, each from the start of a page of its own, the rest of its last page zero
/// </code>
/// </summary>
public static class ArchiveLayout
{
    /// <summary>
    /// Where it is mapped. The root task lies below. The kernel sets a frame and a slot aside for each page from the root task's first to the archive's last, gaps included, twice while it boots:
    /// so this is no farther away than it has to be.
    /// </summary>
    public const ulong Address = 0x60_0000;

    /// <summary>"MAKATEA" and a zero.</summary>
    public const ulong Magic = 0x00_41_45_54_41_4b_41_4d;

    /// <summary>Version of this layout.</summary>
    public const ulong Version = 1;

    /// <summary>Contents begin at multiples of this.</summary>
    public const ulong PageLength = 4096;
}

/// <summary>What the archive begins with.</summary>
public struct ArchiveHeader
{
    /// <summary><see cref="ArchiveLayout.Magic"/>.</summary>
    public ulong Magic;

    /// <summary><see cref="ArchiveLayout.Version"/>.</summary>
    public ulong Version;

    /// <summary>Bytes of the archive, whole pages.</summary>
    public ulong Length;

    /// <summary>Where the board table is.</summary>
    public ulong BoardOffset;

    /// <summary>Number of its values: <see cref="BoardValue.Count"/> of the sources that both sides were built from.</summary>
    public ulong BoardCount;

    /// <summary>Where the table of entries is.</summary>
    public ulong EntriesOffset;

    /// <summary>Number of entries.</summary>
    public ulong EntryCount;
}

/// <summary>A program, a manifest or another file in the archive.</summary>
public struct ArchiveEntry
{
    /// <summary>Where its name is.</summary>
    public ulong NameOffset;

    /// <summary>Bytes of its name.</summary>
    public ulong NameLength;

    /// <summary>Where its contents are, a multiple of <see cref="ArchiveLayout.PageLength"/>.</summary>
    public ulong Offset;

    /// <summary>Bytes of its contents.</summary>
    public ulong Length;
}
