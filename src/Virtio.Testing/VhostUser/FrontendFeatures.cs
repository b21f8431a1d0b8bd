namespace Makatea.Virtio.Testing;

/// <summary>Feature bits of the vhost-user protocol as masks (sections "Communication" and "Protocol features").</summary>
public static class FrontendFeatures
{
    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES, among the virtio features: the protocol has features of its own.</summary>
    public const ulong ProtocolFeatures = 1ul << 30;

    /// <summary>VHOST_F_LOG_ALL, among the virtio features: the back end marks the pages that it writes.</summary>
    public const ulong LogAll = 1ul << 26;

    /// <summary>VHOST_USER_PROTOCOL_F_MQ.</summary>
    public const ulong MultiQueue = 1ul << 0;

    /// <summary>VHOST_USER_PROTOCOL_F_LOG_SHMFD.</summary>
    public const ulong LogMemory = 1ul << 1;

    /// <summary>VHOST_USER_PROTOCOL_F_REPLY_ACK.</summary>
    public const ulong ReplyAck = 1ul << 3;

    /// <summary>VHOST_USER_PROTOCOL_F_BACKEND_REQ.</summary>
    public const ulong BackendRequests = 1ul << 5;

    /// <summary>VHOST_USER_PROTOCOL_F_CONFIG.</summary>
    public const ulong Config = 1ul << 9;

    /// <summary>VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD.</summary>
    public const ulong Inflight = 1ul << 12;

    /// <summary>VHOST_USER_PROTOCOL_F_RESET_DEVICE.</summary>
    public const ulong ResetDevice = 1ul << 13;

    /// <summary>VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS.</summary>
    public const ulong MemorySlots = 1ul << 15;

    /// <summary>VHOST_USER_PROTOCOL_F_STATUS.</summary>
    public const ulong Status = 1ul << 16;

    /// <summary>All protocol features that <see cref="VhostUserFrontend"/> uses.</summary>
    public const ulong AllProtocol =
        MultiQueue | LogMemory | ReplyAck | BackendRequests | Config | Inflight | ResetDevice | MemorySlots | Status;
}
