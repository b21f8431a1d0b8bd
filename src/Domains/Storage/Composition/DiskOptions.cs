using System.Globalization;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// The options of a disk in a component's manifest.
/// <list type="table">
/// <item><term>image</term><description>the file or block device that is the disk, or the NVMe controller that has it: <c>grant:NAME</c></description></item>
/// <item><term>namespace</term><description>identifier of the controller's namespace that is the disk</description></item>
/// <item><term>null</term><description>size in bytes of a disk that stores nothing; in the place of image</description></item>
/// <item><term>template</term><description>what the disk starts as, which is never written: <c>grant:NAME</c> as for image; in the place of it, with overlay</description></item>
/// <item><term>overlay</term><description>the file that takes what is written over a template: <c>grant:NAME</c></description></item>
/// <item><term>overlay-mode</term><description><c>volatile</c> (default) or <c>kept</c></description></item>
/// <item><term>overlay-map</term><description>memory that tells which parts are in the overlay and outlives the component: <c>grant:NAME</c> of a region</description></item>
/// <item><term>partition</term><description>number, name or GUID of a partition of a GPT disk</description></item>
/// <item><term>read-only</term><description><c>true</c> or <c>false</c> (default)</description></item>
/// <item><term>iops, bps</term><description>most operations and bytes a second</description></item>
/// <item><term>burst-ms</term><description>for how many milliseconds' worth of them the disk may go faster after a pause; 1000 by default</description></item>
/// </list>
/// Others may be those of the backend, and of the host for its files (<see cref="ComponentGrants.FileOptions"/>).
/// </summary>
internal sealed record DiskOptions
{
    private const string GrantPrefix = "grant:";

    private static readonly string[] _names =
        ["image", "null", "template", "overlay", "overlay-mode", "overlay-map", "namespace", "partition", "read-only", "iops", "bps", "burst-ms"];

    /// <summary>Grant of the file or controller at the bottom; null for a disk that stores nothing.</summary>
    public string? Storage { get; private init; }

    /// <summary>Identifier of a controller's namespace; null for a file.</summary>
    public uint? Namespace { get; private init; }

    public ulong NullSectors { get; private init; }

    public string? Overlay { get; private init; }

    public OverlayMode OverlayMode { get; private init; }

    public string? OverlayMap { get; private init; }

    public string? Partition { get; private init; }

    public bool IsReadOnly { get; private init; }

    public RateLimits Limits { get; private init; } = RateLimits.None;

    /// <summary>Reads the options.</summary>
    /// <param name="device">The device that has them.</param>
    /// <param name="others">Names that somebody else reads.</param>
    /// <exception cref="ArgumentException">One is unknown, wrong or missing; the message names it and says what is allowed.</exception>
    public static DiskOptions Parse(ManifestDevice device, IEnumerable<string> others)
    {
        string[] names = [.. _names, .. others];
        if (device.Options.Keys.FirstOrDefault(k => !names.Contains(k)) is { } unknown)
        {
            throw new ArgumentException($"device '{device.Name}': there is no option '{unknown}'{NearestName.Hint(unknown, names)}; there are {string.Join(", ", names)}");
        }

        string[] sources = [.. new[] { "image", "null", "template" }.Where(device.Options.ContainsKey)];
        if (sources.Length != 1)
        {
            throw new ArgumentException($"device '{device.Name}': one of the options image, null and template is needed, and there {(sources.Length == 0 ? "is none" : $"are {string.Join(" and ", sources)}")}");
        }

        var options = new DiskOptions
        {
            Storage = Grant(device, "image") ?? Grant(device, "template"),
            Namespace = ReadNamespace(device, sources[0]),
            NullSectors = (ulong)(Number(device, "null") ?? 0) / BlockDevice.SectorSize,
            Overlay = Grant(device, "overlay"),
            OverlayMode = OneOf(device, "overlay-mode", "volatile", "kept") ? OverlayMode.Kept : OverlayMode.Volatile,
            OverlayMap = Grant(device, "overlay-map"),
            Partition = Text(device, "partition"),
            IsReadOnly = OneOf(device, "read-only", "false", "true"),
            Limits = ReadLimits(device),
        };
        options.CheckOverlay(device, sources[0]);
        return options;
    }

    /// <summary>All identifiers but that of all namespaces ([NVMe-2.1] 3.2.1.2).</summary>
    private static uint? ReadNamespace(ManifestDevice device, string source)
    {
        const uint Highest = uint.MaxValue - 1;
        if (Number(device, "namespace") is not { } id)
        {
            return null;
        }

        return source == "null"
            ? throw new ArgumentException($"device '{device.Name}': the option namespace is that of a controller, and there is none")
            : id <= Highest ? (uint)id : throw Wrong(device, "namespace", Text(device, "namespace")!, $"at most {Highest}");
    }

    private static RateLimits ReadLimits(ManifestDevice device)
    {
        const int MillisecondsPerSecond = 1000;
        long operations = Number(device, "iops") ?? 0;
        long bytes = Number(device, "bps") ?? 0;
        long burst = Number(device, "burst-ms") ?? MillisecondsPerSecond;
        return new RateLimits
        {
            OperationsPerSecond = operations,
            OperationsBurst = Burst(operations, burst),
            BytesPerSecond = bytes,
            BytesBurst = Burst(bytes, burst),
        };

        static long Burst(long perSecond, long milliseconds) =>
            perSecond == 0 ? 0 : (long)Int128.Clamp((Int128)perSecond * milliseconds / MillisecondsPerSecond, 1, long.MaxValue);
    }

    private static string? Text(ManifestDevice device, string name) => device.Options.GetValueOrDefault(name);

    private static string? Grant(ManifestDevice device, string name) => Text(device, name) switch
    {
        null => null,
        string value when value.StartsWith(GrantPrefix, StringComparison.Ordinal) => value[GrantPrefix.Length..],
        string value => throw Wrong(device, name, value, $"{GrantPrefix}NAME with the name of a grant"),
    };

    /// <returns>Whether the value is <paramref name="other"/>.</returns>
    private static bool OneOf(ManifestDevice device, string name, string otherwise, string other) => Text(device, name) switch
    {
        string value when value == other => true,
        string value when value != otherwise => throw Wrong(device, name, value, $"{otherwise} or {other}"),
        _ => false,
    };

    private static long? Number(ManifestDevice device, string name) => Text(device, name) switch
    {
        null => null,
        string text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0 => value,
        string text => throw Wrong(device, name, text, "a whole number above 0"),
    };

    private static ArgumentException Wrong(ManifestDevice device, string name, string value, string allowed) =>
        new($"device '{device.Name}': option {name} is '{value}' and must be {allowed}");

    private void CheckOverlay(ManifestDevice device, string source)
    {
        if ((source == "template") != (Overlay is not null))
        {
            throw new ArgumentException($"device '{device.Name}': the options template and overlay go together, and there is only one of them");
        }

        if (Overlay is null && (OverlayMap is not null || device.Options.ContainsKey("overlay-mode")))
        {
            throw new ArgumentException($"device '{device.Name}': the options overlay-mode and overlay-map are those of an overlay, and there is none");
        }
    }
}
