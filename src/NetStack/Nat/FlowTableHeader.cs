using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>What the memory of a flow table starts with. It is written last when the memory is new, so that half a beginning is none.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct FlowTableHeader
{
    /// <summary>Its size: records behind it lie on their lines.</summary>
    internal const int Size = 64;

    /// <summary>"flowtbl" and a version: changes with every change of what records mean.</summary>
    private const ulong CurrentMagic = 0x016c_6274_776f_6c66;

    /// <summary>Name and version.</summary>
    public ulong Magic;

    /// <summary>Number of records.</summary>
    public int Capacity;

    /// <summary>Size of each in bytes.</summary>
    public int RecordSize;

    /// <summary>Whether the records behind it are those of a table of this version and size.</summary>
    public readonly bool Fits(int capacity) => Magic == CurrentMagic && Capacity == capacity && RecordSize == FlowRecord.Size;

    /// <summary>Says that the records are now those of such a table.</summary>
    public void Write(int capacity)
    {
        Capacity = capacity;
        RecordSize = FlowRecord.Size;
        Volatile.Write(ref Magic, CurrentMagic);
    }
}
