using System.Globalization;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// The options of a disk in a component's manifest. Values that name a grant are the grant's name.
/// <list type="table">
/// <item><term>image</term><description>grant of a file or block device that is the disk</description></item>
/// <item><term>null</term><description>size in bytes of a disk that stores nothing; in the place of image</description></item>
/// <item><term>template</term><description>grant of a file that the disk starts as and that is never written; in the place of image, with overlay</description></item>
/// <item><term>overlay</term><description>grant of the file that takes what is written over a template</description></item>
/// <item><term>overlay-mode</term><description><c>volatile</c> (default) or <c>kept</c></description></item>
/// <item><term>overlay-map</term><description>grant of memory that tells which parts are in the overlay, and outlives the component</description></item>
/// <item><term>partition</term><description>number, name or GUID of a partition of a GPT disk</description></item>
/// <item><term>read-only</term><description><c>true</c> or <c>false</c> (default)</description></item>
/// <item><term>iops, bps, burst-ms</term><description>limits on operations and bytes a second, and the burst in milliseconds of them</description></item>
/// </list>
/// </summary>
internal sealed record DiskOptions
{
    private static readonly string[] s_names =
        ["image", "null", "template", "overlay", "overlay-mode", "overlay-map", "partition", "read-only", "iops", "bps", "burst-ms"];

    public string? Image { get; private init; }

    public long? NullBytes { get; private init; }

    public string? Template { get; private init; }

    public string? Overlay { get; private init; }

    public OverlayMode OverlayMode { get; private init; }

    public string? OverlayMap { get; private init; }

    public string? Partition { get; private init; }

    public bool IsReadOnly { get; private init; }

    public RateLimits Limits { get; private init; } = RateLimits.None;

    /// <summary>Reads the options.</summary>
    /// <exception cref="ArgumentException">One is unknown, wrong or missing; the message names it and says what is allowed.</exception>
    public static DiskOptions Parse(ManifestDevice device)
    {
        if (device.Options.Keys.FirstOrDefault(k => !s_names.Contains(k)) is { } unknown)
        {
            throw new ArgumentException($"disk '{device.Name}' has no option '{unknown}'; there are: {string.Join(", ", s_names)}");
        }

        DiskOptions options = new()
        {
            Image = Text(device, "image"),
            NullBytes = Number(device, "null"),
            Template = Text(device, "template"),
            Overlay = Text(device, "overlay"),
            OverlayMode = OneOf(device, "overlay-mode", "volatile", "kept") == "kept" ? OverlayMode.Kept : OverlayMode.Volatile,
            OverlayMap = Text(device, "overlay-map"),
            Partition = Text(device, "partition"),
            IsReadOnly = OneOf(device, "read-only", "false", "true") == "true",
            Limits = ReadLimits(device),
        };
        int sources = (options.Image is null ? 0 : 1) + (options.NullBytes is null ? 0 : 1) + (options.Template is null ? 0 : 1);
        if (sources != 1)
        {
            throw new ArgumentException($"disk '{device.Name}' has {sources} of the options image, null and template; it needs one");
        }

        return (options.Template is null) == (options.Overlay is null)
            ? options
            : throw new ArgumentException($"disk '{device.Name}' has one of the options template and overlay; they go together");
    }

    private static RateLimits ReadLimits(ManifestDevice device)
    {
        const int millisecondsPerSecond = 1000;
        long operations = Number(device, "iops") ?? 0;
        long bytes = Number(device, "bps") ?? 0;
        long burst = Number(device, "burst-ms") ?? millisecondsPerSecond;
        return new RateLimits
        {
            OperationsPerSecond = operations,
            OperationsBurst = Burst(operations, burst),
            BytesPerSecond = bytes,
            BytesBurst = Burst(bytes, burst),
        };

        static long Burst(long perSecond, long milliseconds) =>
            perSecond == 0 ? 0 : (long)Int128.Clamp((Int128)perSecond * milliseconds / millisecondsPerSecond, 1, long.MaxValue);
    }

    private static string? Text(ManifestDevice device, string name) => device.Options.TryGetValue(name, out string? value) ? value : null;

    private static string OneOf(ManifestDevice device, string name, string otherwise, string other) => Text(device, name) switch
    {
        null => otherwise,
        string value when value == otherwise || value == other => value,
        string value => throw new ArgumentException($"disk '{device.Name}': option {name} is '{value}' and must be {otherwise} or {other}"),
    };

    private static long? Number(ManifestDevice device, string name) => Text(device, name) switch
    {
        null => null,
        string text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0 => value,
        string text => throw new ArgumentException($"disk '{device.Name}': option {name} is '{text}' and must be a whole number above 0"),
    };
}
