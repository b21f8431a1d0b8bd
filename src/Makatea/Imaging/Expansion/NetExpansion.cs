using Makatea.Domains.Net;
using Makatea.Running;
using Makatea.Sel4;
using Makatea.Systems;
using Makatea.Virtio.Testing;

namespace Makatea.Imaging;

/// <summary>
/// What a net domain needs on seL4: memory for its frames, which its adapter may reach, and for its connections, which outlives it; and for each client a channel, memory for rings and buffers, and the doorbells of
/// its queues. No client's memory is reached by the adapter: frames are copied between the two.
/// </summary>
internal static class NetExpansion
{
    private const ulong Page = 4096;
    private const int ConnectionLimit = 8192;

    // What an uplink with one queue holds at most, and a client's port; ForwardingPlane says so where it is too little.
    private const int UplinkBuffers = 3072;
    private const int ClientBuffers = 1024;

    /// <summary>Name of the channel of a client, among whose names those of domains are not.</summary>
    public static string ChannelOf(string domain, string client) => $"{domain}/{client}";

    /// <summary>Gives all of them what they need, and tells the domain.</summary>
    /// <param name="system">The system.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="adapter">Name of its adapter among its grants.</param>
    /// <param name="planned">All components by name.</param>
    /// <param name="shared">What components share.</param>
    public static void Expand(SystemDescription system, DomainDescription domain, string adapter, IReadOnlyDictionary<string, PlannedComponent> planned, SharedTable shared)
    {
        string name = domain.Name.Value;
        PlannedComponent own = planned[name];
        NetDomainOptions options = NetManifest.Describe(system, domain, NetManifest.Uplink(system, domain) with { Grant = adapter }, c => ChannelOf(name, c));
        options = options with
        {
            Connections = $"{name}.connections",
            ConnectionLimit = ConnectionLimit,
            Frames = $"{name}.frames",
            Buffers = UplinkBuffers + (options.Clients.Count * ClientBuffers),
        };
        own.GiveRegion(shared.AddRegion(options.Connections, (options.ConnectionsLength + Page - 1) & ~(Page - 1)), options.Connections, GrantRights.Write, 0);
        own.GiveRegion(shared.AddRegion(options.Frames, options.FramesLength), options.Frames, GrantRights.Write | GrantRights.Device, 0);
        foreach (ClientOptions client in options.Clients)
        {
            var channel = new ChannelExpansion(client.Listener, planned[client.Name], own, 0, shared);
            channel.AddChannel();
            channel.AddMemory("memory", (ulong)client.Queues * new DriverNetOptions().MemoryLength);
            channel.AddQueues(2 * client.Queues);
        }

        own.Devices.AddRange(options.ToDevices());
    }
}
