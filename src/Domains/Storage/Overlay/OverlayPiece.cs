namespace Makatea.Domains.Storage;

/// <summary>What a queue does for a part of a request.</summary>
internal enum OverlayPieceKind : byte
{
    /// <summary>Reads, writes or zeroes in place; grains that it has locked become the overlay's.</summary>
    Direct,

    /// <summary>Reads into the piece's buffer, as the scatter list is in too many parts for one piece.</summary>
    BouncedRead,

    /// <summary>Reads a grain of the base, to be merged with the request's data and written.</summary>
    CopyUp,

    /// <summary>Writes pages of the map.</summary>
    MapWrite,
}

/// <summary>A part of a request that is under way, one request to a device below.</summary>
internal struct OverlayPiece
{
    /// <summary>Tag of the request that it is a part of.</summary>
    public int Tag;

    public OverlayPieceKind Kind;

    /// <summary>First sector of the request that it covers, and their number.</summary>
    public ulong Sector;
    public uint Sectors;

    /// <summary>Grains that it has locked; none where the count is 0.</summary>
    public long FirstGrain;
    public long Grains;

    /// <summary>Where its data is in the request's scatter list.</summary>
    public ScatterCursor Data;
}

/// <summary>A request that is done in pieces.</summary>
internal struct OverlaySplit
{
    public Makatea.Platform.BlockRequest Request;

    /// <summary>Next sector for which no piece was made, and the end.</summary>
    public ulong Next;
    public ulong End;

    /// <summary>Where the data of <see cref="Next"/> is.</summary>
    public ScatterCursor Data;

    /// <summary>Pieces made, and those under way.</summary>
    public int Made;
    public int UnderWay;

    /// <summary>In the list of those that wait for a free piece or for a lock.</summary>
    public bool IsWaiting;

    /// <summary>How it ends so far.</summary>
    public Makatea.Platform.BlockStatus Status;
}

/// <summary>A run of grains.</summary>
internal record struct GrainRun(long First, long Count);
