using System.Runtime.CompilerServices;

namespace Makatea.NetStack;

/// <summary>
/// What the headers of an IP packet say, all of it checked against the bytes that are there. Offsets are from the IP header on.
/// </summary>
internal struct IpPacket
{
    /// <summary>Who it says it comes from.</summary>
    public IpAddress Source;

    /// <summary>Whom it is for.</summary>
    public IpAddress Destination;

    /// <summary>Length of the packet with its headers; the frame has as much.</summary>
    public int Length;

    /// <summary>Where the header of <see cref="Protocol"/> starts: after IPv4's options or IPv6's extension headers. Within the packet.</summary>
    public int TransportOffset;

    /// <summary>Of a fragment of IPv6, where the fragment header starts: the length of what is in every fragment.</summary>
    public int FragmentHeader;

    /// <summary>Of a fragment of IPv6, where the number of the protocol after the fragment header is written before it.</summary>
    public int FragmentNext;

    /// <summary>Of a fragment, where in the datagram's payload it starts, in bytes.</summary>
    public int FragmentOffset;

    /// <summary>Of a fragment, what the datagram's fragments have in common.</summary>
    public uint Identification;

    /// <summary>The protocol above IP and extension headers. Of a fragment: of the datagram's first header that is cut.</summary>
    public byte Protocol;

    /// <summary>Hops that it may still go.</summary>
    public byte HopLimit;

    /// <summary>It is of IPv4.</summary>
    public bool IsIPv4;

    /// <summary>It is a fragment.</summary>
    public bool IsFragment;

    /// <summary>It is a fragment and not the last.</summary>
    public bool HasMoreFragments;

    /// <summary>It must not be cut into fragments; of IPv6 always.</summary>
    public bool DontFragment;

    /// <summary>It has options of IPv4 or a hop-by-hop header of IPv6.</summary>
    public bool HasOptions;

    /// <summary>Reads the headers of either family: see <see cref="IPv4Header.Read"/> and <see cref="IPv6Header.Read"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DropReason Read(bool isIPv4, ReadOnlySpan<byte> bytes, int available, bool isSegmented, out IpPacket packet) => isIPv4
        ? IPv4Header.Read(bytes, available, isSegmented, out packet)
        : IPv6Header.Read(bytes, available, isSegmented, out packet);
}
