namespace Makatea.NetStack;

/// <summary>
/// What the connection tracker is told of a packet. The packet is a whole datagram: fragments were put together, and extension headers of IPv6 were walked, before.
/// </summary>
/// <remarks>The one who makes it has checked the IP header against the frame: <see cref="TransportOffset"/> lies within <see cref="Bytes"/> and <see cref="Length"/>.</remarks>
public readonly ref struct FlowPacket
{
    /// <summary>
    /// The packet from its IP header on, as far as it is contiguous, without padding of the frame: all headers, and with ICMP the packet that is quoted. Translated in place.
    /// </summary>
    public required Span<byte> Bytes { get; init; }

    /// <summary>Length of the whole packet in bytes, from its IP header on, as the frame has it. With segmentation left to the port, that of all segments.</summary>
    public required int Length { get; init; }

    /// <summary>Protocol above IP.</summary>
    public required byte Protocol { get; init; }

    /// <summary>Where the header of that protocol starts in <see cref="Bytes"/>.</summary>
    public required int TransportOffset { get; init; }

    /// <summary>The checksum was left to the port (NeedsChecksum or segmentation): its field holds the sum of the pseudo header alone, not inverted.</summary>
    public bool IsPartialChecksum { get; init; }
}
