namespace Makatea.Systems;

/// <summary>What disks look like in a system file.</summary>
internal static class DiskShape
{
    private const string Path = "a path";

    private static readonly TextShape _serial = new("1 to 20 printable ASCII characters without spaces", "^[!-~]{1,20}$", allowNumbers: true);

    private static readonly TextShape _partition = new("the number, name or GUID of a GPT partition", "^.{1,80}$", allowNumbers: true);

    private static readonly RecordShape<DiskLimits> _limits = new RecordShape<DiskLimits>("limits", "How fast a disk may be used, over all its queues.", () => new())
        .Optional("iops", new WholeNumberShape(1, 100_000_000), (l, v) => l.Iops = v, "Operations a second.")
        .Optional("bps", new SizeShape(1 << 10, 1ul << 40), (l, v) => l.BytesPerSecond = v, "Bytes a second, such as 50M.")
        .Optional("burst", new WholeNumberShape(1, 60_000), (l, v) => l.BurstMilliseconds = v, "For how many milliseconds of idling the full rate can be saved up.", 1000);

    /// <summary>The keys that all disks have.</summary>
    public static RecordShape<DiskDescription> Keys(RecordShape<DiskDescription> shape) => shape
        .Optional("domain", Names.System.Located(), (d, v) => d.Domain = v, "The domain that serves it; by default the only one.")
        .Optional("image", new TextShape(Path + ", nvme:ID for a namespace, or null:SIZE for a device that stores nothing").Located(), (d, v) => d.Image = v, "Raw file or block device that holds it, nvme:ID for a namespace of the domain's controller, or null:SIZE for a device that stores nothing.")
        .Optional("template", new TextShape(Path).Located(), (d, v) => d.Template = v, "Raw file or block device, or nvme:ID, that it starts as a copy of; never written.")
        .Optional("overlay", new TextShape("'volatile' or a path").Located(), (d, v) => d.Overlay = v, "Where what differs from the template is kept: a file, made where there is none, or 'volatile' to throw it away at shutdown.", DiskDescription.Volatile)
        .Optional("read-only", new FlagShape().Located(), (d, v) => d.ReadOnly = v, "The guest cannot write.", false)
        .Optional("partition", _partition.Located(), (d, v) => d.Partition = v, "GPT partition of the image to serve in the place of all of it: its number, its name or its GUID.")
        .Optional("serial", _serial, (d, v) => d.Serial = v, "Serial number that the guest sees; by default the name.")
        .Optional("queues", new WholeNumberShape(1, 64), (d, v) => d.Queues = (int)v, "Number of virtqueues; by default one a core.")
        .Optional("limits", _limits, (d, v) => d.Limits = v, "How fast it may be used.")
        .ExactlyOneOf("image", "template")
        .Needs("overlay", "template");
}
