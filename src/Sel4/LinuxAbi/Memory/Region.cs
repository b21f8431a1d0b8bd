namespace Makatea.Sel4.LinuxAbi;

/// <summary>Addresses in a row with the same rights.</summary>
internal struct Region
{
    internal ulong Start;
    internal ulong End;
    internal RegionKind Kind;
    internal PageRights Rights;

    internal readonly ulong Pages => (End - Start) / RegionTable.PageSize;

    /// <summary>Its pages are promised: as many are kept free or were given.</summary>
    internal readonly bool IsPromised => Kind == RegionKind.Private && (Rights & PageRights.Write) != 0;

    internal readonly bool Continues(in Region before) => before.End == Start && before.Kind == Kind && before.Rights == Rights && Kind is not (RegionKind.Fixed or RegionKind.Program);
}

/// <summary>What is behind a region.</summary>
internal enum RegionKind : byte
{
    /// <summary>Memory of the component's own, given page by page when it is touched.</summary>
    Private,

    /// <summary>The same, for a thread's stack: promised to nobody, as most of it is never touched.</summary>
    Stack,

    /// <summary>Memory of the component's own, all of it there, for devices.</summary>
    Dma,

    /// <summary>The program as the root task mapped it, perhaps from the archive: where it is to be written and was not, a copy takes its place.</summary>
    Program,

    /// <summary>A part of the program that is the component's own copy.</summary>
    Copied,

    /// <summary>What else the root task mapped: what the component was told and given.</summary>
    Fixed,
}
