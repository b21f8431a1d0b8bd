namespace Makatea.NetStack;

/// <summary>Where a packet for the domain itself came from.</summary>
public readonly record struct IpPacketInfo
{
    /// <summary>The port that it arrived on.</summary>
    public int Port { get; init; }

    /// <summary>Who sent it; unspecified where it has no address yet.</summary>
    public IpAddress Source { get; init; }

    /// <summary>Whom it was sent to: one of the domain's addresses, a group, or <see cref="IpAddress.Broadcast4"/>.</summary>
    public IpAddress Destination { get; init; }

    /// <summary>Protocol of the payload, such as 17.</summary>
    public byte Protocol { get; init; }

    /// <summary>Hop limit as it arrived; 255 proves a sender on the link.</summary>
    public byte HopLimit { get; init; }

    /// <summary>The transport checksum need not be looked at: the port found it good, or the sender is on this machine and left it out.</summary>
    public bool IsChecksumGood { get; init; }
}
