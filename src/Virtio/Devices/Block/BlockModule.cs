using System.Globalization;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Microsoft.Extensions.DependencyInjection;

[assembly: MakateaModule(typeof(BlockModule))]

namespace Makatea.Virtio.Block;

/// <summary>Registers the backend <c>virtio-blk</c>.</summary>
public sealed class BlockModule : IMakateaModule
{
    /// <summary>Name of the backend.</summary>
    public const string BackendName = "virtio-blk";

    /// <summary>Makes the backend where there is no container.</summary>
    public static IVirtioBackend CreateBackend(IBlockDeviceOpener disks, ComponentManifest manifest, ComponentGrants grants) => new BlockBackend(disks, manifest, grants);

    /// <inheritdoc/>
    public void Configure(IServiceCollection services) => services.AddVirtioBackend<BlockBackend>(BackendName);
}

/// <summary>
/// Makes block devices. Its own options are <c>serial</c>, <c>queues</c>, <c>queue-size</c>, <c>poll-us</c> and <c>write-cache-memory</c>, which is memory that outlives the
/// component: <c>grant:NAME</c> of a region. The rest are those of the disk, which the component's <see cref="IBlockDeviceOpener"/> opens.
/// </summary>
internal sealed class BlockBackend(IBlockDeviceOpener opener, ComponentManifest manifest, ComponentGrants grants) : IVirtioBackend
{
    private const string WriteCacheMemory = "write-cache-memory";
    private const string GrantPrefix = "grant:";
    private static readonly string[] _names = ["serial", "queues", "queue-size", "poll-us", WriteCacheMemory];

    /// <inheritdoc/>
    public VirtioDevice Create(ManifestDevice device)
    {
        VirtioBlockOptions options = new() { Name = device.Name };
        if (device.Options.TryGetValue("serial", out string? serial))
        {
            options = options with { Serial = serial };
        }

        options = options with
        {
            QueueCount = Number(device, "queues", options.QueueCount),
            MaxQueueSize = (ushort)Math.Clamp(Number(device, "queue-size", options.MaxQueueSize), 0, ushort.MaxValue),
            PollTime = TimeSpan.FromMicroseconds(Number(device, "poll-us", (int)options.PollTime.TotalMicroseconds)),
        };
        options.Check();
        MappedMemory? writeCache = MapWriteCache(device);
        try
        {
            return new VirtioBlockDevice(opener.Open(device, _names), options, writeCache);
        }
        catch
        {
            writeCache?.Dispose();
            throw;
        }
    }

    private MappedMemory? MapWriteCache(ManifestDevice device)
    {
        if (!device.Options.TryGetValue(WriteCacheMemory, out string? text))
        {
            return null;
        }

        ManifestGrant grant = manifest.Grants.FirstOrDefault(g => g.Type == GrantType.Region && text == GrantPrefix + g.Name)
            ?? throw new ArgumentException($"device '{device.Name}': option {WriteCacheMemory} is '{text}' and must be {GrantPrefix}NAME with the name of a region that the component was granted");
        using Grant memory = grants.Open(grant);
        return memory.Map(0, WriteCacheMode.Length, MemoryAccess.ReadWrite);
    }

    private static int Number(ManifestDevice device, string name, int otherwise)
    {
        if (!device.Options.TryGetValue(name, out string? text))
        {
            return otherwise;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw new ArgumentException($"device '{device.Name}': option {name} is '{text}' and must be a whole number");
    }
}
