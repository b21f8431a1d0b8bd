using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>UDP for the domain's own services ([RFC 768]): a bounded number of endpoints by port.</summary>
public sealed class UdpHost : IIpReceiver
{
    /// <summary>Most bytes of data in a datagram that is sent; fits every link of IPv6 ([RFC 8200] 5).</summary>
    public const int MaximumData = 1280 - 40 - HeaderLength;

    internal const int HeaderLength = 8;

    private const byte HopLimit = 64;

    private readonly IIpLayer _ip;
    private readonly NetRandom _random;
    private readonly int _capacity;
    private readonly Dictionary<ushort, IUdpHandler> _handlers = [];
    private readonly byte[] _packet = new byte[HeaderLength + MaximumData];

    /// <summary>Makes it.</summary>
    /// <param name="ip">What it sends with.</param>
    /// <param name="random">Chooses ports.</param>
    /// <param name="capacity">Most endpoints at a time; far below the number of ephemeral ports, so that a free one is found soon.</param>
    public UdpHost(IIpLayer ip, NetRandom random, int capacity = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 4096);
        (_ip, _random, _capacity) = (ip, random, capacity);
    }

    /// <summary>Datagrams dropped for their length or checksum.</summary>
    public long Malformed { get; private set; }

    /// <summary>Opens a port.</summary>
    /// <returns>False where it is open already, or there are too many.</returns>
    public bool TryOpen(ushort port, IUdpHandler handler) => port != 0 && _handlers.Count < _capacity && _handlers.TryAdd(port, handler);

    /// <summary>Opens a port that nobody can guess.</summary>
    /// <returns>False where there are too many.</returns>
    public bool TryOpenEphemeral(IUdpHandler handler, out ushort port)
    {
        port = 0;
        if (_handlers.Count >= _capacity)
        {
            return false;
        }

        do
        {
            port = EphemeralPorts.Next(_random);
        }
        while (!_handlers.TryAdd(port, handler));
        return true;
    }

    /// <summary>Closes a port.</summary>
    public void Close(ushort port) => _handlers.Remove(port);

    /// <summary>Sends a datagram.</summary>
    /// <param name="port">As <see cref="IIpLayer.Send"/>.</param>
    /// <param name="source">Own address.</param>
    /// <param name="sourcePort">Own port.</param>
    /// <param name="destination">Whom to.</param>
    /// <param name="destinationPort">Its port.</param>
    /// <param name="data">At most <see cref="MaximumData"/> bytes.</param>
    /// <returns>False where it was not sent.</returns>
    public bool Send(int port, IpAddress source, ushort sourcePort, IpAddress destination, ushort destinationPort, ReadOnlySpan<byte> data)
    {
        if (data.Length > MaximumData)
        {
            return false;
        }

        Span<byte> packet = _packet.AsSpan(0, HeaderLength + data.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)packet.Length);
        packet[6..8].Clear();
        data.CopyTo(packet[HeaderLength..]);
        Checksum.WriteUdp(packet[6..], Checksum.Add(packet, Checksum.PseudoHeader(source, destination, IpProtocol.Udp, packet.Length)));
        return _ip.Send(port, source, destination, IpProtocol.Udp, HopLimit, packet);
    }

    /// <inheritdoc/>
    public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
    {
        int length = payload.Length < HeaderLength ? 0 : BinaryPrimitives.ReadUInt16BigEndian(payload[4..]);
        if (length < HeaderLength || length > payload.Length || !IsIntact(info, payload[..length]))
        {
            Malformed++;
            return LocalDelivery.Malformed;
        }

        if (!_handlers.TryGetValue(BinaryPrimitives.ReadUInt16BigEndian(payload[2..]), out IUdpHandler? handler))
        {
            return LocalDelivery.NoPort;
        }

        handler.Receive(info, BinaryPrimitives.ReadUInt16BigEndian(payload), payload[HeaderLength..length]);
        return LocalDelivery.Delivered;
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
    {
        if (_handlers.TryGetValue(BinaryPrimitives.ReadUInt16BigEndian(quoted), out IUdpHandler? handler))
        {
            handler.ReceiveError(error, BinaryPrimitives.ReadUInt16BigEndian(quoted[2..]));
        }
    }

    // Without a checksum: allowed in IPv4 alone ([RFC 8200] 8.1).
    private static bool IsIntact(in IpPacketInfo info, ReadOnlySpan<byte> datagram) =>
        info.IsChecksumGood
        || (BinaryPrimitives.ReadUInt16BigEndian(datagram[6..]) == 0
            ? info.Source.IsIPv4
            : Checksum.IsRight(datagram, Checksum.PseudoHeader(info.Source, info.Destination, IpProtocol.Udp, datagram.Length)));
}
