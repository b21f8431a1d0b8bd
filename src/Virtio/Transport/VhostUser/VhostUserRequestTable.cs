using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// What each request may look like and who handles it. A request that is not here is refused: with need_reply it is answered with
/// a number other than 0, otherwise the connection ends (DPDK does the same; libvhost-user ends in either case).
/// </summary>
internal static class VhostUserRequestTable
{
    private const VhostUserProtocolFeatures Always = VhostUserProtocolFeatures.None;
    private const int State = 8;
    private const int Any = VhostUserMessage.MaxPayload;

    private static readonly Entry?[] _entries = Build();

    public delegate VhostUserReply Handler(VhostUserSession session, VhostUserMessage message);

    /// <summary>The request's entry, or null.</summary>
    public static Entry? Find(uint request) => request < _entries.Length ? _entries[request] : null;

    /// <summary>Name of a request as in the standard, or its number.</summary>
    public static string NameOf(uint request) => Find(request)?.Name ?? $"request {request}";

    private static Entry?[] Build()
    {
        Entry[] entries =
        [
            new(VhostUserRequest.GetFeatures, "GET_FEATURES", Always, 0, 0, 0, 0, static (s, _) => s.GetFeatures()),
            new(VhostUserRequest.SetFeatures, "SET_FEATURES", Always, 8, 8, 0, 0, static (s, m) => s.SetFeatures(m.Read<ulong>())),
            new(VhostUserRequest.SetOwner, "SET_OWNER", Always, 0, 0, 0, 0, static (s, _) => s.SetOwner()),
            new(VhostUserRequest.ResetOwner, "RESET_OWNER", Always, 0, 0, 0, 0, static (s, _) => s.ResetOwner()),
            new(VhostUserRequest.SetMemoryTable, "SET_MEM_TABLE", Always, 8, 264, 0, MessageChannel.MaxGrants, static (s, m) => s.SetMemoryTable(m)),
            new(VhostUserRequest.SetLogBase, "SET_LOG_BASE", VhostUserProtocolFeatures.LogSharedMemory, 16, 16, 1, 1, static (s, m) => s.SetLogBase(m)),
            new(VhostUserRequest.SetLogFd, "SET_LOG_FD", Always, 0, 8, 1, 1, static (s, m) => s.SetLogFd(m)),
            new(VhostUserRequest.SetVringNum, "SET_VRING_NUM", Always, State, State, 0, 0, static (s, m) => s.SetVringNum(m.Read<VhostUserVringState>())),
            new(VhostUserRequest.SetVringAddress, "SET_VRING_ADDR", Always, 40, 40, 0, 0, static (s, m) => s.SetVringAddress(m.Read<VhostUserVringAddress>())),
            new(VhostUserRequest.SetVringBase, "SET_VRING_BASE", Always, State, State, 0, 0, static (s, m) => s.SetVringBase(m.Read<VhostUserVringState>())),
            new(VhostUserRequest.GetVringBase, "GET_VRING_BASE", Always, State, State, 0, 0, static (s, m) => s.GetVringBase(m.Read<VhostUserVringState>())),
            new(VhostUserRequest.SetVringKick, "SET_VRING_KICK", Always, 8, 8, 0, 1, static (s, m) => s.SetVringKick(m)),
            new(VhostUserRequest.SetVringCall, "SET_VRING_CALL", Always, 8, 8, 0, 1, static (s, m) => s.SetVringCall(m)),
            new(VhostUserRequest.SetVringError, "SET_VRING_ERR", Always, 8, 8, 0, 1, static (s, m) => s.SetVringError(m)),
            new(VhostUserRequest.GetProtocolFeatures, "GET_PROTOCOL_FEATURES", Always, 0, 0, 0, 0, static (s, _) => s.GetProtocolFeatures()),
            new(VhostUserRequest.SetProtocolFeatures, "SET_PROTOCOL_FEATURES", Always, 8, 8, 0, 0, static (s, m) => s.SetProtocolFeatures(m.Read<ulong>())),

            // That MQ is offered is enough ("Multiple queue support"): SPDK asks without setting it.
            new(VhostUserRequest.GetQueueNum, "GET_QUEUE_NUM", Always, 0, 0, 0, 0, static (s, _) => s.GetQueueNum()),
            new(VhostUserRequest.SetVringEnable, "SET_VRING_ENABLE", Always, State, State, 0, 0, static (s, m) => s.SetVringEnable(m.Read<VhostUserVringState>())),
            new(VhostUserRequest.SendRarp, "SEND_RARP", VhostUserProtocolFeatures.Rarp, 8, 8, 0, 0, static (s, m) => s.SendRarp(m.Read<ulong>())),
            new(VhostUserRequest.NetSetMtu, "NET_SET_MTU", VhostUserProtocolFeatures.NetMtu, 8, 8, 0, 0, static (s, m) => s.NetSetMtu(m.Read<ulong>())),
            new(VhostUserRequest.SetBackendRequestFd, "SET_BACKEND_REQ_FD", VhostUserProtocolFeatures.BackendRequest, 0, 8, 1, 1, static (s, m) => s.SetBackendRequestFd(m)),
            new(VhostUserRequest.GetConfig, "GET_CONFIG", VhostUserProtocolFeatures.Config, VhostUserConfigHeader.Length, Any, 0, 0, static (s, m) => s.GetConfig(m)),
            new(VhostUserRequest.SetConfig, "SET_CONFIG", VhostUserProtocolFeatures.Config, VhostUserConfigHeader.Length, Any, 0, 0, static (s, m) => s.SetConfig(m)),
            new(VhostUserRequest.GetInflightFd, "GET_INFLIGHT_FD", VhostUserProtocolFeatures.InflightSharedMemory, 20, 24, 0, 0, static (s, m) => s.GetInflightFd(m)),
            new(VhostUserRequest.SetInflightFd, "SET_INFLIGHT_FD", VhostUserProtocolFeatures.InflightSharedMemory, 20, 24, 1, 1, static (s, m) => s.SetInflightFd(m)),
            new(VhostUserRequest.ResetDevice, "RESET_DEVICE", VhostUserProtocolFeatures.ResetDevice, 0, 0, 0, 0, static (s, _) => s.ResetDevice()),
            new(VhostUserRequest.GetMaxMemorySlots, "GET_MAX_MEM_SLOTS", VhostUserProtocolFeatures.ConfigureMemorySlots, 0, 0, 0, 0, static (s, _) => s.GetMaxMemorySlots()),
            new(VhostUserRequest.AddMemoryRegion, "ADD_MEM_REG", VhostUserProtocolFeatures.ConfigureMemorySlots, 40, 40, 1, 1, static (s, m) => s.AddMemoryRegion(m)),

            // One descriptor is passed by old front ends and given up unused ("Front-end message types").
            new(VhostUserRequest.RemoveMemoryRegion, "REM_MEM_REG", VhostUserProtocolFeatures.ConfigureMemorySlots, 40, 40, 0, 1, static (s, m) => s.RemoveMemoryRegion(m)),
            new(VhostUserRequest.SetStatus, "SET_STATUS", VhostUserProtocolFeatures.Status, 8, 8, 0, 0, static (s, m) => s.SetStatus(m.Read<ulong>())),
            new(VhostUserRequest.GetStatus, "GET_STATUS", VhostUserProtocolFeatures.Status, 0, 0, 0, 0, static (s, _) => s.GetStatus()),
        ];
        Entry?[] table = new Entry?[entries.Max(e => (int)e.Request) + 1];
        foreach (Entry entry in entries)
        {
            table[(int)entry.Request] = entry;
        }

        return table;
    }

    /// <summary>One request.</summary>
    /// <param name="Request">Its type.</param>
    /// <param name="Name">Its name in the standard.</param>
    /// <param name="Needs">The protocol feature that must have been set.</param>
    /// <param name="MinPayload">Shortest payload in bytes.</param>
    /// <param name="MaxPayload">Longest payload in bytes.</param>
    /// <param name="MinGrants">Fewest descriptors that come with it.</param>
    /// <param name="MaxGrants">Most descriptors that come with it.</param>
    /// <param name="Handle">Handles it.</param>
    public sealed record Entry(
        VhostUserRequest Request,
        string Name,
        VhostUserProtocolFeatures Needs,
        int MinPayload,
        int MaxPayload,
        int MinGrants,
        int MaxGrants,
        Handler Handle)
    {
        /// <summary>Checks the form of a message.</summary>
        /// <exception cref="VhostUserProtocolException">It is not as the table says.</exception>
        public void Check(VhostUserMessage message, VhostUserProtocolFeatures negotiated)
        {
            if ((Needs & ~negotiated) != 0)
            {
                throw new VhostUserProtocolException($"{Name} needs protocol feature {Needs}, which was not set; set are: {negotiated}");
            }

            if (message.Header.Size < MinPayload || message.Header.Size > MaxPayload)
            {
                throw new VhostUserProtocolException(
                    $"{Name} has a payload of {message.Header.Size} bytes; allowed are {(MinPayload == MaxPayload ? MinPayload : $"{MinPayload} to {MaxPayload}")}");
            }

            if (message.Grants.Count < MinGrants || message.Grants.Count > MaxGrants)
            {
                throw new VhostUserProtocolException(
                    $"{Name} came with {message.Grants.Count} descriptors; allowed are {(MinGrants == MaxGrants ? MinGrants : $"{MinGrants} to {MaxGrants}")}");
            }
        }
    }
}
