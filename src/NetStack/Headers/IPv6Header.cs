using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>The header of IPv6 and its extension headers ([RFC 8200] 3, 4).</summary>
internal static class IPv6Header
{
    public const int Length = 40;
    public const int PayloadLengthOffset = 4;
    public const int NextHeaderOffset = 6;
    public const int HopLimitOffset = 7;
    public const int SourceOffset = 8;
    public const int DestinationOffset = 24;
    public const int FragmentHeaderLength = 8;
    public const int LeastMtu = 1280;

    // Each at most twice or so in packets that mean well; a chain of many only costs who reads it ([RFC 7045] 2.1, [RFC 9288]).
    private const int MaxExtensions = 6;
    private const int MaxExtensionBytes = 512;
    private const byte RoutingType0 = 0;

    /// <summary>Reads and checks the headers up to the one of the transport.</summary>
    /// <param name="bytes">From the header on, as far as it is contiguous.</param>
    /// <param name="available">Bytes of the frame from the header on.</param>
    /// <param name="isSegmented">Segmentation is left to a port: the length says nothing.</param>
    /// <param name="packet">What they say.</param>
    /// <returns>Why it is refused, or <see cref="DropReason.None"/>.</returns>
    public static DropReason Read(ReadOnlySpan<byte> bytes, int available, bool isSegmented, out IpPacket packet)
    {
        packet = default;
        if (bytes.Length < Length || bytes[0] >> 4 != 6)
        {
            return DropReason.Malformed;
        }

        int length = isSegmented ? available : Length + BinaryPrimitives.ReadUInt16BigEndian(bytes[PayloadLengthOffset..]);
        if (length > available)
        {
            return DropReason.Malformed;
        }

        packet.Source = IpAddress.ReadIPv6(bytes[SourceOffset..]);
        packet.Destination = IpAddress.ReadIPv6(bytes[DestinationOffset..]);
        if (packet.Source.IsIPv4 || packet.Destination.IsIPv4)
        {
            // ::ffff:a.b.c.d is how IPv4 addresses are kept here, and may not be on any wire ([RFC 4942] 2.2).
            return DropReason.Malformed;
        }

        packet.Length = length;
        packet.HopLimit = bytes[HopLimitOffset];
        packet.DontFragment = true;
        packet.Protocol = bytes[NextHeaderOffset];
        packet.TransportOffset = Length;
        return packet.Protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp6 ? DropReason.None : WalkExtensions(bytes[..Math.Min(bytes.Length, length)], ref packet);
    }

    /// <summary>Writes a header without extensions.</summary>
    public static void Write(Span<byte> header, IpAddress source, IpAddress destination, byte protocol, byte hopLimit, int payloadLength)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, 6u << 28);
        BinaryPrimitives.WriteUInt16BigEndian(header[PayloadLengthOffset..], (ushort)payloadLength);
        header[NextHeaderOffset] = protocol;
        header[HopLimitOffset] = hopLimit;
        source.Write(header[SourceOffset..]);
        destination.Write(header[DestinationOffset..]);
    }

    private static DropReason WalkExtensions(ReadOnlySpan<byte> bytes, ref IpPacket packet)
    {
        int at = Length;
        int nextAt = NextHeaderOffset;
        for (int count = 0; ; count++)
        {
            byte kind = bytes[nextAt];
            packet.Protocol = kind;
            packet.TransportOffset = at;
            if (kind is not (IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.Fragment or IpProtocol.DestinationOptions))
            {
                return DropReason.None;
            }

            // Hop-by-hop options come first or not at all ([RFC 8200] 4.1).
            if (count == MaxExtensions || bytes.Length - at < 8 || at > Length + MaxExtensionBytes || (kind == IpProtocol.HopByHop && count != 0))
            {
                return DropReason.BadExtension;
            }

            if (kind == IpProtocol.Fragment)
            {
                return ReadFragment(bytes[at..], at, nextAt, ref packet);
            }

            if (kind == IpProtocol.Routing && bytes[at + 2] == RoutingType0)
            {
                // [RFC 5095].
                return DropReason.SourceRouted;
            }

            packet.HasOptions |= kind == IpProtocol.HopByHop;
            nextAt = at;
            at += (bytes[at + 1] + 1) * 8;
            if (at > bytes.Length)
            {
                return DropReason.BadExtension;
            }
        }
    }

    private static DropReason ReadFragment(ReadOnlySpan<byte> header, int at, int nextAt, ref IpPacket packet)
    {
        ushort offset = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        packet.Protocol = header[0];
        packet.TransportOffset = at + FragmentHeaderLength;
        packet.FragmentHeader = at;
        packet.FragmentNext = nextAt;
        packet.FragmentOffset = offset & 0xfff8;
        packet.HasMoreFragments = (offset & 1) != 0;
        packet.Identification = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        packet.IsFragment = true;
        return DropReason.None;
    }
}
