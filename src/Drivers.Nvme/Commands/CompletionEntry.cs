namespace Makatea.Drivers.Nvme;

/// <summary>The half of a completion queue entry that is read on the data path: dwords 2 and 3 ([NVMe-2.1] Figure 97).</summary>
/// <param name="dword2">SQ head pointer in 15:0, SQ identifier in 31:16.</param>
/// <param name="dword3">Command identifier in 15:0, phase tag in 16, status in 31:17.</param>
internal readonly struct CompletionEntry(uint dword2, uint dword3)
{
    /// <summary>Length in bytes (CC.IOCQES).</summary>
    internal const int Length = 16;

    /// <summary>Where dword 0, the command's result, lies.</summary>
    internal const int ResultOffset = 0;

    internal const int Dword2Offset = 8;

    internal const int Dword3Offset = 12;

    /// <summary>The phase tag in dword 3.</summary>
    internal const uint Phase = 1 << 16;

    internal int SubmissionHead => (int)(dword2 & 0xffff);

    internal int SubmissionQueue => (int)(dword2 >> 16);

    internal ushort CommandId => (ushort)dword3;

    internal NvmeStatus Status => new((ushort)(dword3 >> 17));
}
