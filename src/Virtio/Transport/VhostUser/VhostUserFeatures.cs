namespace Makatea.Virtio;

/// <summary>Feature bits that belong to vhost-user and not to the device, as masks.</summary>
public static class VhostUserFeatures
{
    /// <summary>VHOST_F_LOG_ALL: what the device writes is marked in the log (vhost-user, "Migration").</summary>
    public const ulong LogAll = 1ul << 26;

    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES: protocol features can be negotiated.</summary>
    public const ulong ProtocolFeatures = 1ul << 30;
}

/// <summary>Protocol features (vhost-user, "Protocol features"), as masks.</summary>
[Flags]
public enum VhostUserProtocolFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The number of queues can be asked for.</summary>
    MultiQueue = 1ul << 0,

    /// <summary>The log of dirty pages is shared memory.</summary>
    LogSharedMemory = 1ul << 1,

    /// <summary>The back-end tells the network where a guest is that was migrated. Network devices alone.</summary>
    Rarp = 1ul << 2,

    /// <summary>Every request may ask for a reply.</summary>
    ReplyAck = 1ul << 3,

    /// <summary>The front end says the MTU that it told the driver. Network devices alone.</summary>
    NetMtu = 1ul << 4,

    /// <summary>The back-end has a channel for requests of its own.</summary>
    BackendRequest = 1ul << 5,

    /// <summary>Configuration space is the back-end's.</summary>
    Config = 1ul << 9,

    /// <summary>In-flight buffers are tracked in shared memory.</summary>
    InflightSharedMemory = 1ul << 12,

    /// <summary>The device can be reset.</summary>
    ResetDevice = 1ul << 13,

    /// <summary>Memory regions come and go one by one.</summary>
    ConfigureMemorySlots = 1ul << 15,

    /// <summary>The back-end keeps the device status.</summary>
    Status = 1ul << 16,

    /// <summary>All that we offer for any device. In-band notifications are not among them: they are for simulators.</summary>
    Offered = MultiQueue | LogSharedMemory | ReplyAck | BackendRequest | Config | InflightSharedMemory | ResetDevice
        | ConfigureMemorySlots | Status,
}
