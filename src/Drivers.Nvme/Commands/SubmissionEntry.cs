using System.Runtime.InteropServices;

namespace Makatea.Drivers.Nvme;

/// <summary>A submission queue entry, 64 bytes ([NVMe-2.1] Figure 92).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SubmissionEntry
{
    /// <summary>Length in bytes (CC.IOSQES).</summary>
    internal const int Length = 64;

    /// <summary>In <see cref="Command"/>: the data pointer is an SGL, metadata is contiguous (PSDT 01b).</summary>
    internal const uint UsesSgl = 1 << 14;

    /// <summary>CDW0: opcode in 7:0, fused operation in 9:8, PSDT in 15:14, command identifier in 31:16.</summary>
    internal uint Command;

    /// <summary>NSID.</summary>
    internal uint NamespaceId;

    /// <summary>CDW2 and CDW3.</summary>
    internal ulong Reserved;

    /// <summary>MPTR.</summary>
    internal ulong Metadata;

    /// <summary>DPTR: PRP entry 1, or the first half of an SGL descriptor.</summary>
    internal ulong Data1;

    /// <summary>DPTR: PRP entry 2, or the second half of an SGL descriptor.</summary>
    internal ulong Data2;

    internal uint Dword10;
    internal uint Dword11;
    internal uint Dword12;
    internal uint Dword13;
    internal uint Dword14;
    internal uint Dword15;

    /// <summary>CDW10 and CDW11, which hold the first block in commands that have one.</summary>
    internal ulong FirstBlock
    {
        readonly get => Dword10 | ((ulong)Dword11 << 32);
        set => (Dword10, Dword11) = ((uint)value, (uint)(value >> 32));
    }
}
