namespace Makatea.Virtio;

/// <summary>Types of requests from front end to back-end (vhost-user, "Front-end message types"). Those that no backend of ours serves have no name here.</summary>
public enum VhostUserRequest : uint
{
    /// <summary>No request.</summary>
    None = 0,

    /// <summary>Features that the back-end offers.</summary>
    GetFeatures = 1,

    /// <summary>Features that driver and front end chose.</summary>
    SetFeatures = 2,

    /// <summary>The sender owns the session.</summary>
    SetOwner = 3,

    /// <summary>Deprecated: disables all rings.</summary>
    ResetOwner = 4,

    /// <summary>Replaces all memory regions.</summary>
    SetMemoryTable = 5,

    /// <summary>Shares the log of dirty pages.</summary>
    SetLogBase = 6,

    /// <summary>What to ring when the log changed.</summary>
    SetLogFd = 7,

    /// <summary>Size of a ring.</summary>
    SetVringNum = 8,

    /// <summary>Addresses of a ring.</summary>
    SetVringAddress = 9,

    /// <summary>Position in a ring.</summary>
    SetVringBase = 10,

    /// <summary>Stops a ring and asks for its position.</summary>
    GetVringBase = 11,

    /// <summary>What the driver rings for the device; starts the ring.</summary>
    SetVringKick = 12,

    /// <summary>What to ring for the driver.</summary>
    SetVringCall = 13,

    /// <summary>What to ring when a ring broke.</summary>
    SetVringError = 14,

    /// <summary>Protocol features that the back-end offers.</summary>
    GetProtocolFeatures = 15,

    /// <summary>Protocol features that the front end chose.</summary>
    SetProtocolFeatures = 16,

    /// <summary>Number of queues.</summary>
    GetQueueNum = 17,

    /// <summary>Enables or disables a ring.</summary>
    SetVringEnable = 18,

    /// <summary>Announces a guest that was migrated to the network.</summary>
    SendRarp = 19,

    /// <summary>The MTU that the driver was told.</summary>
    NetSetMtu = 20,

    /// <summary>Channel for the back-end's own requests.</summary>
    SetBackendRequestFd = 21,

    /// <summary>Reads configuration space.</summary>
    GetConfig = 24,

    /// <summary>Writes configuration space.</summary>
    SetConfig = 25,

    /// <summary>Asks for memory to track in-flight buffers in.</summary>
    GetInflightFd = 31,

    /// <summary>Gives the memory to track in-flight buffers in.</summary>
    SetInflightFd = 32,

    /// <summary>Disables all rings and resets the device.</summary>
    ResetDevice = 34,

    /// <summary>Number of memory regions that can be added.</summary>
    GetMaxMemorySlots = 36,

    /// <summary>Adds a memory region.</summary>
    AddMemoryRegion = 37,

    /// <summary>Removes a memory region.</summary>
    RemoveMemoryRegion = 38,

    /// <summary>Sets the device status.</summary>
    SetStatus = 39,

    /// <summary>Reads the device status.</summary>
    GetStatus = 40,
}

/// <summary>Types of requests from back-end to front end (vhost-user, "Back-end message types").</summary>
public enum VhostUserBackendRequest : uint
{
    /// <summary>No request.</summary>
    None = 0,

    /// <summary>Configuration space or the device status changed.</summary>
    ConfigChange = 2,
}
