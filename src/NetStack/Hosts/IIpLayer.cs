namespace Makatea.NetStack;

/// <summary>
/// What the domain's own services send packets with: the router. All calls are made on the forwarding thread, and what is sent leaves with the batch at hand.
/// </summary>
public interface IIpLayer
{
    /// <summary>A port that means: whichever the way to the destination goes over.</summary>
    const int AnyPort = -1;

    /// <summary>Milliseconds of a clock that never goes back; the same for a whole batch.</summary>
    long Now { get; }

    /// <summary>Tells over which port a packet for <paramref name="destination"/> leaves, and with which of the domain's own addresses.</summary>
    /// <returns>False where there is no way, such as before the uplink has an address.</returns>
    bool TryRoute(IpAddress destination, out int port, out IpAddress source);

    /// <summary>Largest packet that is known to get to <paramref name="destination"/>, in bytes with its IP header: the port's MTU, or less where the path was found to carry less.</summary>
    int Mtu(int port, IpAddress destination);

    /// <summary>
    /// Sends a packet. It is copied, its own headers are put in front, and it is never cut: don't fragment is set. Packets for groups and for <see cref="IpAddress.Broadcast4"/>, and from no
    /// address (DHCP before there is one), need a port.
    /// </summary>
    /// <param name="port">The port, or <see cref="AnyPort"/>.</param>
    /// <param name="source">One of the domain's own addresses, or none.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="protocol">Protocol of the payload, such as 17.</param>
    /// <param name="hopLimit">Hop limit, or time to live.</param>
    /// <param name="payload">The transport header, with its checksum, and what follows.</param>
    /// <returns>False where it was not sent: too large, no way, no free buffer. Nothing is queued then.</returns>
    bool Send(int port, IpAddress source, IpAddress destination, byte protocol, byte hopLimit, ReadOnlySpan<byte> payload);
}
