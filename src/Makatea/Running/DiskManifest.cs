using System.Globalization;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>What a storage domain is told of a disk, and what it is granted for it.</summary>
internal static class DiskManifest
{
    /// <summary>A page, of which a byte is used.</summary>
    private const ulong WriteCacheMemoryLength = 4096;

    /// <summary>Name of a disk in the whole system: of its device, in logs and metrics.</summary>
    public static string NameOf(QubeDescription qube, DiskDescription disk) => $"{qube.Name.Value}/{disk.Name.Value}";

    /// <summary>Number of virtqueues of a disk: as the file says, else one a core.</summary>
    public static int QueuesOf(QubeDescription qube, DiskDescription disk) => disk.Queues ?? qube.Cores;

    /// <summary>Opens what a disk needs, adds it to <paramref name="grants"/>, and describes the device.</summary>
    /// <exception cref="IOException">Something cannot be opened.</exception>
    public static ManifestDevice Build(QubeDescription qube, DiskDescription disk, GrantTable grants, string socket)
    {
        string name = NameOf(qube, disk);
        var options = new Dictionary<string, string>
        {
            ["serial"] = disk.Serial ?? disk.Name.Value,
            ["queues"] = Text(QueuesOf(qube, disk)),
        };
        if (disk.Template is { } template)
        {
            options["template"] = grants.AddFile($"{name} template", template.Value, MemoryAccess.Read);
            AddOverlay(disk, template.Value, name, grants, options);
        }
        else if (NullImage.TryParse(disk.Image!.Value.Value, out ulong size, out _))
        {
            options["null"] = Text(size);
        }
        else
        {
            options["image"] = grants.AddFile($"{name} image", disk.Image!.Value.Value, disk.ReadOnly.Value ? MemoryAccess.Read : MemoryAccess.ReadWrite);
        }

        if (disk.ReadOnly.Value)
        {
            options["read-only"] = "true";
        }

        if (disk.Partition is { } partition)
        {
            options["partition"] = partition.Value;
        }

        AddLimits(disk.Limits, options);

        // Whether its driver switched the write cache off: said once, to a domain that may have died since.
        options["write-cache-memory"] = grants.AddMemory($"{name} write cache", WriteCacheMemoryLength);
        return new ManifestDevice(name, "virtio-blk", grants.AddListener($"{name} socket", socket), options);
    }

    private static void AddOverlay(DiskDescription disk, string template, string name, GrantTable grants, Dictionary<string, string> options)
    {
        using FileBlockDevice probe = FileBlockDevice.Open(template, new FileBlockOptions { ReadOnly = true, Locking = FileLocking.None });
        ulong length = probe.Info.SectorCount * BlockDevice.SectorSize;
        bool isVolatile = disk.Overlay is null or { Value: DiskDescription.Volatile };
        options["overlay"] = grants.AddOverlay($"{name} overlay", isVolatile ? null : disk.Overlay!.Value.Value, OverlayDevice.StorageLength(length));
        options["overlay-mode"] = isVolatile ? "volatile" : "kept";

        // Which parts of the disk are in the overlay: ours, so that it outlives a domain that dies.
        options["overlay-map"] = grants.AddMemory($"{name} map", OverlayDevice.MapLength(length));
    }

    private static void AddLimits(DiskLimits? limits, Dictionary<string, string> options)
    {
        if (limits?.Iops is { } iops)
        {
            options["iops"] = Text(iops);
        }

        if (limits?.BytesPerSecond is { } bytes)
        {
            options["bps"] = Text(bytes);
        }

        if (limits?.BurstMilliseconds is { } burst)
        {
            options["burst-ms"] = Text(burst);
        }
    }

    private static string Text<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}
