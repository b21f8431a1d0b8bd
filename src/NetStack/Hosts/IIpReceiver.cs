namespace Makatea.NetStack;

/// <summary>
/// Takes packets of one protocol that are for the domain itself: for one of its addresses, the broadcast address or a group that it is in. On the forwarding thread.
/// </summary>
public interface IIpReceiver
{
    /// <summary>Takes a packet. It passed the port's checks of who it comes from, and is whole: no fragment.</summary>
    /// <param name="info">Its addresses.</param>
    /// <param name="payload">What follows the IP header and its options or extension headers; valid during the call.</param>
    LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload);

    /// <summary>Takes the news that a packet of the domain's own did not get to its destination. Anybody can make that up: the quoted bytes have to fit something that was sent.</summary>
    /// <param name="error">What happened.</param>
    /// <param name="quoted">The first bytes of what followed the packet's IP header, at least eight; valid during the call.</param>
    void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted);
}

/// <summary>What became of a packet that was for the domain itself. The router answers those that reached nobody, within its limits, and counts.</summary>
public enum LocalDelivery
{
    /// <summary>Somebody took it, or dropped it for reasons of its own.</summary>
    Delivered,

    /// <summary>It was damaged or malformed.</summary>
    Malformed,

    /// <summary>Nobody waits for its protocol.</summary>
    NoProtocol,

    /// <summary>Nobody waits on its port.</summary>
    NoPort,
}
