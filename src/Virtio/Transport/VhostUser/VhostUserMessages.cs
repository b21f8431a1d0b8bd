using System.Runtime.InteropServices;

namespace Makatea.Virtio;

/// <summary>Starts each message (vhost-user, "Header"). Numbers are in the machine's byte order.</summary>
/// <param name="Request">Type of the request; a reply repeats it.</param>
/// <param name="Flags">Version and flags.</param>
/// <param name="Size">Length of the payload in bytes.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserHeader(uint Request, uint Flags, uint Size)
{
    /// <summary>Length of a header in bytes.</summary>
    public const int Length = 12;

    /// <summary>Bits of <see cref="Flags"/> that hold the version.</summary>
    public const uint VersionMask = 3;

    /// <summary>The version of the protocol, the only one there is.</summary>
    public const uint Version = 1;

    /// <summary>The message is a reply.</summary>
    public const uint Reply = 1 << 2;

    /// <summary>The sender waits for a reply (vhost-user, "VHOST_USER_PROTOCOL_F_REPLY_ACK").</summary>
    public const uint NeedReply = 1 << 3;
}

/// <summary>"A vring state description".</summary>
/// <param name="Index">Index of the ring.</param>
/// <param name="Num">A number: size, position, or whether to enable.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserVringState(uint Index, uint Num);

/// <summary>"A vring address description". Ring addresses are the front end's own.</summary>
/// <param name="Index">Index of the ring.</param>
/// <param name="Flags">Bit 0, VHOST_VRING_F_LOG: log writes to the used ring.</param>
/// <param name="Descriptor">Descriptor table, or packed descriptor ring.</param>
/// <param name="Used">Used ring, or packed device area.</param>
/// <param name="Available">Available ring, or packed driver area.</param>
/// <param name="Log">Guest address at which writes to the used ring are logged.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserVringAddress(uint Index, uint Flags, ulong Descriptor, ulong Used, ulong Available, ulong Log)
{
    /// <summary>VHOST_VRING_F_LOG.</summary>
    public const uint LogFlag = 1;
}

/// <summary>Starts "Memory regions description"; the regions follow.</summary>
/// <param name="Count">Number of regions, at most <see cref="MaxRegions"/>.</param>
/// <param name="Padding">Unused.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserMemoryHeader(uint Count, uint Padding)
{
    /// <summary>The most regions that one message sets.</summary>
    public const int MaxRegions = 8;
}

/// <summary>A region of "Memory regions description".</summary>
/// <param name="GuestAddress">Guest address of the first byte.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="UserAddress">Address of the first byte in the front end.</param>
/// <param name="MapOffset">Where the region starts in the granted memory.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserMemoryRegion(ulong GuestAddress, ulong Size, ulong UserAddress, ulong MapOffset);

/// <summary>"Single memory region description".</summary>
/// <param name="Padding">Unused.</param>
/// <param name="Region">The region.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserSingleRegion(ulong Padding, VhostUserMemoryRegion Region);

/// <summary>"Log description".</summary>
/// <param name="Size">Length of the log in bytes.</param>
/// <param name="Offset">Where it starts in the granted memory.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserLogDescription(ulong Size, ulong Offset);

/// <summary>Starts "Virtio device config space"; the bytes follow.</summary>
/// <param name="Offset">First byte of configuration space.</param>
/// <param name="Size">Number of bytes.</param>
/// <param name="Flags">0: written by the driver; 1: by live migration.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserConfigHeader(uint Offset, uint Size, uint Flags)
{
    /// <summary>Length of the header in bytes.</summary>
    public const int Length = 12;

    /// <summary>Length of the largest configuration space in bytes.</summary>
    public const int MaxConfig = 256;
}

/// <summary>"Inflight description". C compilers pad it to <see cref="PaddedLength"/> bytes; without the padding it is accepted too.</summary>
/// <param name="Size">Length of the region in bytes.</param>
/// <param name="Offset">Where it starts in the granted memory.</param>
/// <param name="QueueCount">Number of queues.</param>
/// <param name="QueueSize">Number of descriptors of each.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VhostUserInflightDescription(ulong Size, ulong Offset, ushort QueueCount, ushort QueueSize)
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 20;

    /// <summary>Length in bytes with the padding at the end.</summary>
    public const int PaddedLength = 24;
}
