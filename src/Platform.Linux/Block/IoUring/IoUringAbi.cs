using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Numbers of io_uring's interface (linux/io_uring.h) that are used here.</summary>
internal static class IoUringAbi
{
    internal const uint SetupCqSize = 1 << 3;
    internal const uint SetupClamp = 1 << 4;
    internal const uint SetupDisabled = 1 << 6;
    internal const uint SetupCoopTaskRun = 1 << 8;
    internal const uint SetupTaskRunFlag = 1 << 9;
    internal const uint SetupSingleIssuer = 1 << 12;
    internal const uint SetupDeferTaskRun = 1 << 13;

    internal const uint FeatureSingleMmap = 1 << 0;
    internal const uint FeatureNoDrop = 1 << 1;

    internal const long OffsetRings = 0;
    internal const long OffsetSqes = 0x10000000;

    internal const uint SqTaskRun = 1 << 2;
    internal const uint CqEventFdDisabled = 1 << 0;

    internal const uint EnterGetEvents = 1 << 0;

    internal const uint RegisterFiles = 2;
    internal const uint RegisterEventFd = 4;
    internal const uint RegisterProbe = 8;
    internal const uint RegisterEnableRings = 12;

    internal const byte OpReadV = 1;
    internal const byte OpWriteV = 2;
    internal const byte OpFSync = 3;
    internal const byte OpFAllocate = 17;
    internal const byte OpRead = 22;
    internal const byte OpWrite = 23;

    internal const byte SqeFixedFile = 1 << 0;
    internal const uint FSyncDataSync = 1 << 0;
    internal const ushort ProbeSupported = 1 << 0;
}

/// <summary><c>struct io_uring_sqe</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct IoUringSqe
{
    [FieldOffset(0)]
    internal byte Opcode;

    [FieldOffset(1)]
    internal byte Flags;

    [FieldOffset(2)]
    internal ushort Priority;

    [FieldOffset(4)]
    internal int File;

    [FieldOffset(8)]
    internal ulong Offset;

    [FieldOffset(16)]
    internal ulong Address;

    [FieldOffset(24)]
    internal uint Length;

    [FieldOffset(28)]
    internal uint OperationFlags;

    [FieldOffset(32)]
    internal ulong UserData;
}

/// <summary><c>struct io_uring_cqe</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoUringCqe
{
    internal ulong UserData;
    internal int Result;
    internal uint Flags;
}

/// <summary><c>struct io_uring_params</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoUringParams
{
    internal uint SqEntries;
    internal uint CqEntries;
    internal uint Flags;
    internal uint SqThreadCpu;
    internal uint SqThreadIdle;
    internal uint Features;
    internal uint WorkQueueFd;
    internal fixed uint Reserved[3];
    internal IoUringSqOffsets Sq;
    internal IoUringCqOffsets Cq;
}

/// <summary><c>struct io_sqring_offsets</c>: where in the mapped ring the submission queue's fields are.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoUringSqOffsets
{
    internal uint Head;
    internal uint Tail;
    internal uint RingMask;
    internal uint RingEntries;
    internal uint Flags;
    internal uint Dropped;
    internal uint Array;
    internal uint Reserved;
    internal ulong UserAddress;
}

/// <summary><c>struct io_cqring_offsets</c>: where in the mapped ring the completion queue's fields are.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoUringCqOffsets
{
    internal uint Head;
    internal uint Tail;
    internal uint RingMask;
    internal uint RingEntries;
    internal uint Overflow;
    internal uint Cqes;
    internal uint Flags;
    internal uint Reserved;
    internal ulong UserAddress;
}
