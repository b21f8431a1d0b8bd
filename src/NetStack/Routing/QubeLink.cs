using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>Who is at a port of a router, and what it may do.</summary>
public sealed record QubeLink
{
    /// <summary>The qube's number, which the connection tracker knows it by; less than 65,536.</summary>
    public required int Number { get; init; }

    /// <summary>The only MAC address that its frames may come from.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The only IPv4 address that its packets may come from; null where it has none.</summary>
    public IpAddress? IPv4 { get; init; }

    /// <summary>The only IPv6 address that its packets may come from, besides the link-local one made of the MAC address, which goes no further than the domain; null where it has none.</summary>
    public IpAddress? IPv6 { get; init; }

    /// <summary>Most packets a second that it may send, a segment of a packet that is left to cut being one; 0 for no limit.</summary>
    public long PacketsPerSecond { get; init; }

    /// <summary>Most bytes a second that it may send, in frames; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Most packets a second that it may receive; 0 for no limit.</summary>
    public long ReceivePacketsPerSecond { get; init; }

    /// <summary>Most bytes a second that it may receive, in frames; 0 for no limit.</summary>
    public long ReceiveBytesPerSecond { get; init; }

    /// <summary>How long the full rate can be saved up, in milliseconds. A batch of frames or one long frame can go at once in any case.</summary>
    public long BurstMilliseconds { get; init; } = 100;
}
