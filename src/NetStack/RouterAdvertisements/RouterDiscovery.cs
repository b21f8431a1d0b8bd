namespace Makatea.NetStack;

/// <summary>Takes router solicitations and advertisements ([RFC 4861] 6.1) from the dispatcher, checks them and hands them to who wants them.</summary>
public sealed class RouterDiscovery : IIpReceiver
{
    internal const byte Solicitation = 133;
    internal const byte Advertisement = 134;
    internal const int SolicitationLength = 8;
    internal const int AdvertisementLength = 16;

    private const byte LinkHopLimit = 255; // nothing from behind a router has it

    /// <summary>All nodes on the link.</summary>
    public static IpAddress AllNodes { get; } = new(((UInt128)0xff02 << 112) | 1);

    /// <summary>All routers on the link. The router delivers what is sent to it.</summary>
    public static IpAddress AllRouters { get; } = new(((UInt128)0xff02 << 112) | 2);

    /// <summary>Answers qubes' solicitations.</summary>
    public RouterAdvertiser? Advertiser { get; set; }

    /// <summary>Hears the uplink's routers.</summary>
    public RouterSolicitor? Solicitor { get; set; }

    /// <inheritdoc/>
    public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
    {
        int header = payload.Length == 0 ? 0 : payload[0] switch
        {
            Solicitation => SolicitationLength,
            Advertisement => AdvertisementLength,
            _ => 0,
        };
        if (header == 0)
        {
            return LocalDelivery.Delivered; // informational messages that nobody waits for are dropped ([RFC 4443] 2.4)
        }

        bool isIntact = payload.Length >= header && info.HopLimit == LinkHopLimit && payload[1] == 0 && RouterOptions.AreIntact(payload[header..])
            && (info.IsChecksumGood || Checksum.IsRight(payload, Checksum.PseudoHeader(info.Source, info.Destination, IpProtocol.Icmp6, payload.Length)));
        if (!isIntact)
        {
            return LocalDelivery.Malformed;
        }

        if (payload[0] == Solicitation)
        {
            Advertiser?.Solicited(info);
        }
        else if (info.Source.IsLinkLocal)
        {
            Solicitor?.Advertised(info, payload);
        }

        return LocalDelivery.Delivered;
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
    {
    }

    internal static bool Send(IIpLayer ip, int port, IpAddress source, IpAddress destination, Span<byte> message)
    {
        message[2..4].Clear();
        Checksum.Write(message[2..], Checksum.Add(message, Checksum.PseudoHeader(source, destination, IpProtocol.Icmp6, message.Length)));
        return ip.Send(port, source, destination, IpProtocol.Icmp6, LinkHopLimit, message);
    }
}
