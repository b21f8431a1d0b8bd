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
    /// <param name="qube">The qube that has it.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="domain">The domain that serves it.</param>
    /// <param name="grants">What the domain is given.</param>
    /// <param name="controller">Option value that refers to the domain's NVMe controller, if it has one.</param>
    /// <param name="socket">Path of the socket that it is served on.</param>
    /// <exception cref="IOException">Something cannot be opened.</exception>
    public static ManifestDevice Build(QubeDescription qube, DiskDescription disk, DomainDescription domain, GrantTable grants, string? controller, string socket)
    {
        string name = NameOf(qube, disk);
        var options = new Dictionary<string, string>
        {
            ["serial"] = disk.Serial ?? disk.Name.Value,
            ["queues"] = Text(QueuesOf(qube, disk)),
        };
        string image = (disk.Image ?? disk.Template)!.Value.Value;
        string kind = disk.Template is null ? "image" : "template";
        if (NvmeImage.TryParse(image, out int id, out _))
        {
            options[kind] = controller!;
            options["namespace"] = Text(id);
        }
        else if (disk.Template is null && NullImage.TryParse(image, out ulong size, out _))
        {
            options["null"] = Text(size);
        }
        else
        {
            bool isWritten = disk.Template is null && !disk.ReadOnly.Value;
            options[kind] = grants.AddFile($"{name} {kind}", image, isWritten ? MemoryAccess.ReadWrite : MemoryAccess.Read);
        }

        if (disk.Template is not null)
        {
            // Of a namespace of a device model, its file tells the size.
            AddOverlay(disk, id == 0 ? image : domain.Namespaces[id - 1].Value, name, grants, options);
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

    /// <summary>Adds the options of limits.</summary>
    public static void AddLimits(DiskLimits? limits, Dictionary<string, string> options)
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
