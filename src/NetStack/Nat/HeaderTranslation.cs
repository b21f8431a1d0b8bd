using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>Puts other addresses and ports into headers, in place; checksums are changed by what changed ([RFC 1624]), so that one that was wrong stays wrong.</summary>
internal static class HeaderTranslation
{
    private const int IcmpIdentifier = 4;

    /// <summary>Rewrites a packet's IP and transport header.</summary>
    /// <param name="packet">The packet; its headers were read as <paramref name="old"/>.</param>
    /// <param name="old">What it carries.</param>
    /// <param name="wanted">What it is to carry: of the same family and protocol.</param>
    internal static void Rewrite(in FlowPacket packet, in FlowKey old, in FlowKey wanted)
    {
        if (!old.Equals(wanted))
        {
            RewriteHeaders(packet.Bytes, packet.TransportOffset, packet.IsPartialChecksum, old, wanted);
        }
    }

    /// <summary>Rewrites the headers of a packet that may be cut off behind eight bytes of its transport header.</summary>
    internal static void RewriteHeaders(Span<byte> bytes, int transportOffset, bool isPartial, in FlowKey old, in FlowKey wanted)
    {
        ulong addresses = RewriteAddresses(bytes, wanted);
        if (old.IsIPv4)
        {
            Checksum.Update(bytes[IPv4Header.ChecksumOffset..], addresses);
        }

        Span<byte> transport = bytes[transportOffset..];
        int checksum = IpProtocol.ChecksumOffset(old.Protocol);
        ulong rest = old.Protocol switch
        {
            IpProtocol.Tcp or IpProtocol.Udp => RewritePorts(transport, wanted),
            IpProtocol.Icmp4 or IpProtocol.Icmp6 => RewriteIdentifier(transport, old, wanted),

            // The addresses alone: what else such a protocol covers with a checksum of its own is not known.
            _ => 0,
        };
        if (checksum >= 0 && checksum + sizeof(ushort) <= transport.Length)
        {
            // ICMP of IPv4 has no pseudo header.
            UpdateChecksum(transport[checksum..], old.Protocol, old.Protocol == IpProtocol.Icmp4 ? 0 : addresses, rest, isPartial);
        }
    }

    /// <summary>Writes both addresses.</summary>
    /// <returns>The <see cref="Checksum.Difference(ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>.</returns>
    internal static ulong RewriteAddresses(Span<byte> bytes, in FlowKey wanted)
    {
        int length = wanted.IsIPv4 ? IpAddress.Length4 : IpAddress.Length6;
        Span<byte> field = bytes.Slice(wanted.IsIPv4 ? IPv4Header.SourceOffset : IPv6Header.SourceOffset, 2 * length);
        Span<byte> old = stackalloc byte[2 * IpAddress.Length6];
        old = old[..(2 * length)];
        field.CopyTo(old);
        wanted.Source.Write(field);
        wanted.Destination.Write(field[length..]);
        return Checksum.Difference(old, field);
    }

    private static ulong RewritePorts(Span<byte> transport, in FlowKey wanted)
    {
        uint value = ((uint)wanted.SourcePort << 16) | wanted.DestinationPort;
        Span<byte> old = stackalloc byte[sizeof(uint)];
        transport[..sizeof(uint)].CopyTo(old);
        BinaryPrimitives.WriteUInt32BigEndian(transport, value);
        return Checksum.Difference(old, transport[..sizeof(uint)]);
    }

    private static ulong RewriteIdentifier(Span<byte> message, in FlowKey old, in FlowKey wanted)
    {
        // An error's key has no ports.
        if (old.SourcePort == wanted.SourcePort && old.DestinationPort == wanted.DestinationPort)
        {
            return 0;
        }

        Span<byte> field = message.Slice(IcmpIdentifier, sizeof(ushort));
        Span<byte> before = stackalloc byte[sizeof(ushort)];
        field.CopyTo(before);
        BinaryPrimitives.WriteUInt16BigEndian(field, (ushort)(wanted.SourcePort | wanted.DestinationPort));
        return Checksum.Difference(before, field);
    }

    private static void UpdateChecksum(Span<byte> field, byte protocol, ulong addresses, ulong rest, bool isPartial)
    {
        if (isPartial)
        {
            Checksum.UpdatePartial(field, addresses);
        }
        else if (protocol == IpProtocol.Udp)
        {
            Checksum.UpdateUdp(field, addresses + rest);
        }
        else
        {
            Checksum.Update(field, addresses + rest);
        }
    }
}
