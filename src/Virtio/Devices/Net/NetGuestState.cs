namespace Makatea.Virtio.Net;

/// <summary>
/// All that a guest's driver negotiated and commanded and that matters for its frames. Immutable: the control side makes another and publishes it, the forwarding thread reads it
/// once a batch.
/// </summary>
internal sealed record NetGuestState
{
    /// <summary>Before features were negotiated.</summary>
    public static readonly NetGuestState None = new();

    /// <summary>Features negotiated.</summary>
    public ulong Features { get; init; }

    /// <summary>What the driver takes of <see cref="NetFeatures.GuestOffloads"/>.</summary>
    public ulong Offloads { get; init; }

    /// <summary>Which frames it wants.</summary>
    public NetReceiveFilter Filter { get; init; } = NetReceiveFilter.All;

    /// <summary>Which queue they go to.</summary>
    public NetSteering Steering { get; init; } = NetSteering.Single;

    /// <summary>Notifications of frames that it transmitted.</summary>
    public NetCoalescing TransmitCoalescing { get; init; }

    /// <summary>Notifications of frames that it receives.</summary>
    public NetCoalescing ReceiveCoalescing { get; init; }

    /// <summary>Received frames come with their hash.</summary>
    public bool ReportsHash => (Features & NetFeatures.HashReport) != 0;
}

/// <summary>When a driver is to be notified (VIRTIO_NET_F_NOTF_COAL, [VIRTIO-1.3] 5.1.6.5.8).</summary>
/// <param name="Packets">After so many; 0 at once.</param>
/// <param name="Time">After so long, in ticks of <see cref="TimeProvider.GetTimestamp"/>; 0 at once.</param>
internal readonly record struct NetCoalescing(uint Packets, long Time)
{
    /// <summary>Notifications are held back.</summary>
    public bool IsOn => Packets != 0 && Time != 0;
}
