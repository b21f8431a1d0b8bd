namespace Makatea.NetStack;

/// <summary>Takes the datagrams of one UDP port. On the forwarding thread.</summary>
public interface IUdpHandler
{
    /// <summary>Takes a datagram.</summary>
    /// <param name="info">Its addresses.</param>
    /// <param name="sourcePort">The sender's port.</param>
    /// <param name="data">What was sent; valid during the call.</param>
    void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data);

    /// <summary>Takes the news that a datagram to <see cref="IpErrorInfo.Destination"/> did not arrive.</summary>
    void ReceiveError(in IpErrorInfo error, ushort destinationPort);
}
