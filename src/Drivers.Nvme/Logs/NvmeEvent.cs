namespace Makatea.Drivers.Nvme;

/// <summary>Something that the controller reported by itself ([NVMe-2.1] Figure 151).</summary>
/// <param name="Kind">What kind of event.</param>
/// <param name="Information">Which event of its kind.</param>
/// <param name="Log">Log page that tells more.</param>
public readonly record struct NvmeEvent(NvmeEventKind Kind, byte Information, byte Log)
{
    /// <summary>A notice that the list of namespaces or one of them changed.</summary>
    internal bool IsNamespaceChange => Kind == NvmeEventKind.Notice && Information == 0;

    /// <summary>An error after which only a reset helps.</summary>
    internal bool NeedsReset => Kind == NvmeEventKind.Error && Information == 3;

    internal static NvmeEvent Parse(uint result) => new((NvmeEventKind)(result & 7), (byte)(result >> 8), (byte)(result >> 16));
}

/// <summary>Kinds of <see cref="NvmeEvent"/>.</summary>
public enum NvmeEventKind : byte
{
    /// <summary>An error that belongs to no command.</summary>
    Error = 0,

    /// <summary>Health: see <see cref="NvmeHealth"/>.</summary>
    Health = 1,

    /// <summary>A notice, such as changed namespaces or firmware that starts.</summary>
    Notice = 2,

    /// <summary>Immediate.</summary>
    Immediate = 3,

    /// <summary>One shot.</summary>
    OneShot = 4,

    /// <summary>Of an I/O command set.</summary>
    CommandSet = 6,

    /// <summary>The vendor's.</summary>
    Vendor = 7,
}
