using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>One request to a block device.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct BlockRequest
{
    /// <summary>First sector, in units of 512 bytes.</summary>
    public ulong Sector;

    /// <summary>Number of sectors of 512 bytes; for reads and writes the scatter list is that long.</summary>
    public uint SectorCount;

    /// <summary>Given back with the completion; unique among the queue's outstanding requests and less than its depth.</summary>
    public int Tag;

    /// <summary>Data of a read or write; empty otherwise.</summary>
    public ScatterList Data;

    /// <summary>What to do.</summary>
    public BlockOperation Operation;
}
