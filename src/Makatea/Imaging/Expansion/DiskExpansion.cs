using System.Globalization;
using Makatea.Platform;
using Makatea.Running;
using Makatea.Sel4;
using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>
/// What a component's disk needs on seL4, so that the same storage domain serves it as on Linux: a channel (a region and a doorbell each way) for the messages of vhost-user, memory for rings and buffers
/// that the controller may reach, and for each queue the doorbells that the messages name.
/// </summary>
internal static class DiskExpansion
{
    private const ulong InflightLength = 64 << 10;
    private const ulong WriteCacheLength = 4 << 10;

    /// <summary>Number of virtqueues.</summary>
    public static int QueuesOf(DiskDescription disk) => disk.Queues ?? 1;

    /// <summary>Gives both what they need, and tells the domain to serve the disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="client">The component that has it.</param>
    /// <param name="domain">The domain that serves it.</param>
    /// <param name="controller">Name of the domain's controller among its grants, if it has one.</param>
    /// <param name="shared">What components share.</param>
    public static void Expand(DiskDescription disk, PlannedComponent client, PlannedComponent domain, string? controller, SharedTable shared)
    {
        string name = $"{client.Name}/{disk.Name.Value}";
        ulong connection = shared.ConnectionOf("disk", name);
        var channel = new ChannelExpansion(name, client, domain, connection, shared);
        channel.AddChannel();
        channel.AddMemory("memory", disk.Memory?.Value ?? ComponentDefaults.DiskMemory, controller is null ? GrantRights.None : GrantRights.Device);

        // What the domain was doing when it died, for the one that is started in its place.
        channel.AddMemory("inflight", InflightLength);
        domain.GiveRegion(shared.AddRegion($"{name}.write-cache", WriteCacheLength), $"{name}.write-cache", GrantRights.Write, 0);
        channel.AddQueues(QueuesOf(disk));
        domain.Devices.Add(new ManifestDevice(name, "virtio-blk", name, Options(disk, name, controller)));
    }

    private static Dictionary<string, string> Options(DiskDescription disk, string name, string? controller)
    {
        var options = new Dictionary<string, string>
        {
            ["serial"] = disk.Serial ?? disk.Name.Value,
            ["queues"] = QueuesOf(disk).ToString(CultureInfo.InvariantCulture),
            ["write-cache-memory"] = $"grant:{name}.write-cache",
        };
        string image = disk.Image!.Value.Value;
        if (NvmeImage.TryParse(image, out int id, out _))
        {
            options["image"] = $"grant:{controller}";
            options["namespace"] = id.ToString(CultureInfo.InvariantCulture);
        }
        else if (NullImage.TryParse(image, out ulong size, out _))
        {
            options["null"] = size.ToString(CultureInfo.InvariantCulture);
        }

        if (disk.ReadOnly.Value)
        {
            options["read-only"] = "true";
        }

        if (disk.Partition is { } partition)
        {
            options["partition"] = partition.Value;
        }

        DiskManifest.AddLimits(disk.Limits, options);
        return options;
    }
}
