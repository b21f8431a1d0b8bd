using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>A port as a router knows it.</summary>
internal sealed class RouterPort
{
    private const long LeastPackets = 2 * ForwardingPlane.BatchSize;
    private const long LeastBytes = 64 << 10;

    private readonly ulong[] _drops = new ulong[(int)DropReason.NoBuffer + 1];
    private RateLimit _packets;
    private RateLimit _bytes;
    private RateLimit _receivePackets;
    private RateLimit _receiveBytes;
    private RateLimit _icmp;

    /// <summary>A qube's port.</summary>
    public RouterPort(ForwardingPort port, QubeLink link, GatewayOptions options, FramePool frames, long now)
        : this(port, options.GatewayMac, options, frames, now)
    {
        Qube = link;
        PeerMac = link.Mac;
        Peer4 = link.IPv4 ?? IpAddress.Any4;
        Peer6 = link.IPv6 ?? IpAddress.Any6;
        PeerLinkLocal = IpAddress.LinkLocal(link.Mac);
        SetLimits(link, now);
    }

    /// <summary>The uplink's port.</summary>
    public RouterPort(ForwardingPort port, MacAddress mac, GatewayOptions options, FramePool frames, long now)
    {
        Port = port;
        IsLinkUp = port.Info.IsLinkUp;
        Mac = mac;
        Fragments = new(frames);
        _icmp = new(options.IcmpPerSecond, Math.Max(10, options.IcmpPerSecond / 5), now);
    }

    /// <summary>The port.</summary>
    public ForwardingPort Port { get; }

    /// <summary>Its number.</summary>
    public int Index => Port.Index;

    /// <summary>The qube there; null at the uplink.</summary>
    public QubeLink? Qube { get; }

    /// <summary>The domain's MAC address there.</summary>
    public MacAddress Mac { get; }

    /// <summary>The qube's MAC address.</summary>
    public MacAddress PeerMac { get; }

    /// <summary>The qube's IPv4 address, or none.</summary>
    public IpAddress Peer4 { get; }

    /// <summary>The qube's IPv6 address, or none.</summary>
    public IpAddress Peer6 { get; }

    /// <summary>The qube's link-local address.</summary>
    public IpAddress PeerLinkLocal { get; }

    /// <summary>Fragments that came in here.</summary>
    public Reassembler Fragments { get; }

    /// <summary>Whether its link was up when the router looked last.</summary>
    public bool IsLinkUp { get; set; }

    /// <summary>How often the domain announced itself here since the link came up.</summary>
    public int Announcements { get; set; }

    /// <summary>When it announces itself next.</summary>
    public long AnnounceAt { get; set; } = long.MaxValue;

    /// <summary>What was dropped of what came in here, by reason.</summary>
    public ReadOnlySpan<ulong> Drops => _drops;

    /// <summary>Counts packets that were dropped.</summary>
    public void Count(DropReason reason, int packets = 1) => _drops[(int)reason] += (uint)packets;

    /// <summary>Has other limits from now on.</summary>
    public void SetLimits(QubeLink link, long now)
    {
        _packets = Limit(link.PacketsPerSecond, LeastPackets);
        _bytes = Limit(link.BytesPerSecond, LeastBytes);
        _receivePackets = Limit(link.ReceivePacketsPerSecond, LeastPackets);
        _receiveBytes = Limit(link.ReceiveBytesPerSecond, LeastBytes);

        RateLimit Limit(long rate, long least) => new(rate, Math.Max(least, (long)(rate * (link.BurstMilliseconds / 1000.0))), now);
    }

    /// <summary>Takes from the qube's limits.</summary>
    public bool TrySend(int packets, int bytes, long now) => _packets.TryTake(packets, now) && _bytes.TryTake(bytes, now);

    /// <summary>Takes from the limit of what the qube receives.</summary>
    public bool TryReceive(int packets, int bytes, long now) => _receivePackets.TryTake(packets, now) && _receiveBytes.TryTake(bytes, now);

    /// <summary>Takes from the limit of ICMP messages of the domain's own.</summary>
    public bool TrySendIcmp(long now) => _icmp.TryTake(1, now);
}
