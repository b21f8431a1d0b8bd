using System.Buffers.Binary;

namespace Makatea.Virtio.Net;

/// <summary>
/// What steering needs of a frame: the bytes that receive-side scaling hashes, which are the addresses of IP and the ports, in the order of the wire, and what they are. The frame is in our
/// own memory and may hold anything.
/// </summary>
internal ref struct FlowFields
{
    private const int EthernetLength = 14;
    private const int MaxTags = 2;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    /// <summary>Addresses, and ports where there are any.</summary>
    public ReadOnlySpan<byte> Addresses;

    /// <summary>Both ports, 4 bytes; empty for fragments and other protocols.</summary>
    public ReadOnlySpan<byte> Ports;

    /// <summary>Which hash has addresses alone as its input.</summary>
    public NetHashTypes AddressType;

    /// <summary>Which hash has the ports, too; none where there are none.</summary>
    public NetHashTypes PortType;

    /// <summary>Finds the fields.</summary>
    /// <param name="frame">The frame's start, as far as it is contiguous.</param>
    /// <param name="fields">The fields.</param>
    /// <returns>False where it is no packet of IP, or one with extension headers of IPv6.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, out FlowFields fields)
    {
        fields = default;
        if (!TryFindNetwork(frame, out int at, out ushort type))
        {
            return false;
        }

        ReadOnlySpan<byte> packet = frame[at..];
        if (type == 0x0800 && packet.Length >= 20 && packet[0] >> 4 == 4)
        {
            int header = (packet[0] & 15) * 4;
            if (header < 20 || header > packet.Length)
            {
                return false;
            }

            fields.Addresses = packet.Slice(12, 8);
            fields.AddressType = NetHashTypes.IPv4;
            bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0;
            fields.SetPorts(packet[9], isFragment ? default : packet[header..], NetHashTypes.TcpV4, NetHashTypes.UdpV4);
            return true;
        }

        if (type == 0x86dd && packet.Length >= 40 && packet[0] >> 4 == 6)
        {
            // Hop-by-hop, routing, fragment, ESP, AH, destination options, mobility.
            if (packet[6] is 0 or 43 or 44 or 50 or 51 or 60 or 135)
            {
                return false;
            }

            fields.Addresses = packet.Slice(8, 32);
            fields.AddressType = NetHashTypes.IPv6;
            fields.SetPorts(packet[6], packet[40..], NetHashTypes.TcpV6, NetHashTypes.UdpV6);
            return true;
        }

        return false;
    }

    /// <summary>Finds the network header behind VLAN tags.</summary>
    public static bool TryFindNetwork(ReadOnlySpan<byte> frame, out int offset, out ushort type)
    {
        offset = EthernetLength;
        type = 0;
        if (frame.Length < EthernetLength)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        for (int tags = 0; type is 0x8100 or 0x88a8; tags++)
        {
            if (tags == MaxTags || frame.Length < offset + 4)
            {
                return false;
            }

            type = BinaryPrimitives.ReadUInt16BigEndian(frame[(offset + 2)..]);
            offset += 4;
        }

        return true;
    }

    /// <summary>A number that is the same for both directions of the flow.</summary>
    public readonly uint SymmetricHash()
    {
        uint sum = 0;
        for (ReadOnlySpan<byte> rest = Addresses; rest.Length >= 4; rest = rest[4..])
        {
            sum ^= BinaryPrimitives.ReadUInt32LittleEndian(rest);
        }

        if (!Ports.IsEmpty)
        {
            sum ^= (uint)(BinaryPrimitives.ReadUInt16LittleEndian(Ports) ^ BinaryPrimitives.ReadUInt16LittleEndian(Ports[2..])) << 7;
        }

        // The multiplier of Fibonacci hashing: 2^32 over the golden ratio.
        return sum * 0x9e37_79b9;
    }

    private void SetPorts(byte protocol, ReadOnlySpan<byte> transport, NetHashTypes tcp, NetHashTypes udp)
    {
        if (transport.Length >= 4 && protocol is Tcp or Udp)
        {
            Ports = transport[..4];
            PortType = protocol == Tcp ? tcp : udp;
        }
    }
}
