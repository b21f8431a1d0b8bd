using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Network interfaces: TAP devices, packet sockets, netlink.</summary>
internal static unsafe partial class Libc
{
    internal const int AF_NETLINK = 16;
    internal const int AF_PACKET = 17;
    internal const int SOCK_RAW = 3;
    internal const int NETLINK_ROUTE = 0;

    internal const int SO_SNDBUFFORCE = 32;
    internal const int SO_RCVBUFFORCE = 33;

    internal const int SOL_PACKET = 263;
    internal const int PACKET_ADD_MEMBERSHIP = 1;
    internal const int PACKET_DROP_MEMBERSHIP = 2;
    internal const int PACKET_STATISTICS = 6;
    internal const int PACKET_AUXDATA = 8;
    internal const int PACKET_VNET_HDR = 15;
    internal const int PACKET_IGNORE_OUTGOING = 23;

    internal const ushort PACKET_MR_MULTICAST = 0;
    internal const ushort PACKET_MR_PROMISC = 1;
    internal const ushort PACKET_MR_ALLMULTI = 2;
    internal const ushort PACKET_MR_UNICAST = 3;

    internal const uint TP_STATUS_VLAN_VALID = 1 << 4;

    /// <summary>All protocols, in the order of the wire.</summary>
    internal const ushort EthPAllBigEndian = 0x0300;

    internal const nuint TUNSETIFF = 0x400454ca;
    internal const nuint TUNGETIFF = 0x800454d2;
    internal const nuint TUNSETOFFLOAD = 0x400454d0;
    internal const nuint TUNSETVNETHDRSZ = 0x400454d8;

    internal const short IFF_TAP = 2;
    internal const short IFF_NO_PI = 0x1000;
    internal const short IFF_VNET_HDR = 0x4000;

    internal const uint TUN_F_CSUM = 1;
    internal const uint TUN_F_TSO4 = 2;
    internal const uint TUN_F_TSO6 = 4;
    internal const uint TUN_F_TSO_ECN = 8;
    internal const uint TUN_F_USO4 = 0x20;
    internal const uint TUN_F_USO6 = 0x40;

    internal const uint IFF_UP = 1;
    internal const uint IFF_RUNNING = 0x40;

    /// <summary>Bytes of an interface's name, the terminating zero included.</summary>
    internal const int IFNAMSIZ = 16;

    /// <summary><c>struct ifreq</c> with the flags, as TUNSETIFF takes it.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    internal struct InterfaceRequest
    {
        internal fixed byte Name[IFNAMSIZ];
        internal short Flags;
    }

    /// <summary><c>struct sockaddr_ll</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LinkAddress
    {
        internal ushort Family;
        internal ushort Protocol;
        internal int Index;
        internal ushort HardwareType;
        internal byte PacketType;
        internal byte AddressLength;
        internal fixed byte Address[8];
    }

    /// <summary><c>struct sockaddr_nl</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct NetlinkAddress
    {
        internal ushort Family;
        internal ushort Padding;
        internal uint Port;
        internal uint Groups;
    }

    /// <summary><c>struct packet_mreq</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PacketMembership
    {
        internal int Index;
        internal ushort Type;
        internal ushort AddressLength;
        internal fixed byte Address[8];
    }

    /// <summary><c>struct tpacket_auxdata</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PacketAuxiliary
    {
        internal uint Status;
        internal uint Length;
        internal uint CapturedLength;
        internal ushort LinkOffset;
        internal ushort NetworkOffset;
        internal ushort VlanTag;
        internal ushort VlanProtocol;
    }

    /// <summary><c>struct tpacket_stats</c>: counted since it was read last.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PacketStatistics
    {
        internal uint Packets;
        internal uint Drops;
    }

    /// <summary><c>struct mmsghdr</c> of 64-bit architectures.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BatchMessage
    {
        internal MessageHeader Header;
        internal uint Length;
    }

    internal const int CLONE_NEWNET = 0x40000000;

    [LibraryImport(Library, EntryPoint = "setns", SetLastError = true)]
    internal static partial int SetNs(SafeFileHandle file, int type);

    [LibraryImport(Library, EntryPoint = "bind", SetLastError = true)]
    internal static partial int BindTo(SafeFileHandle socket, void* address, uint length);

    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true)]
    internal static partial int GetSockName(SafeFileHandle socket, void* address, uint* length);

    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetSockOpt(SafeFileHandle socket, int level, int name, void* value, uint length);

    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true)]
    internal static partial int GetSockOpt(SafeFileHandle socket, int level, int name, void* value, uint* length);

    // The data path's calls; whoever sees one fail asks Marshal.GetLastSystemError.
    [LibraryImport(Library, EntryPoint = "readv")]
    internal static partial nint ReadV(int fd, MemorySegment* segments, int count);

    [LibraryImport(Library, EntryPoint = "writev")]
    internal static partial nint WriteV(int fd, MemorySegment* segments, int count);

    [LibraryImport(Library, EntryPoint = "recvmmsg")]
    internal static partial int RecvMMsg(int socket, BatchMessage* messages, uint count, int flags, TimeSpec* timeout);

    [LibraryImport(Library, EntryPoint = "sendmmsg")]
    internal static partial int SendMMsg(int socket, BatchMessage* messages, uint count, int flags);

    [LibraryImport(Library, EntryPoint = "poll")]
    internal static partial int PollNow(PollFd* fds, nuint count, int milliseconds);
}
