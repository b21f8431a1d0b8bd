namespace Makatea.Sel4;

/// <summary>What the image builder put behind the root task: the kernel's numbers, programs and their manifests.</summary>
internal static unsafe class Archive
{
    private static ArchiveHeader* Header => (ArchiveHeader*)ArchiveLayout.Address;

    /// <summary>The kernel's numbers; nothing where the archive was made for another root task.</summary>
    internal static long* Board() =>
        Header->Magic == ArchiveLayout.Magic && Header->Version == ArchiveLayout.Version && Header->BoardCount == (ulong)BoardValue.Count
            ? (long*)(ArchiveLayout.Address + Header->BoardOffset)
            : null;
}
