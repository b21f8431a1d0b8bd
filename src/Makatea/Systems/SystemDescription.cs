namespace Makatea.Systems;

/// <summary>What a system file says. Paths are as written until <see cref="SystemChecks"/> made them absolute.</summary>
internal sealed class SystemDescription
{
    /// <summary>Name of the system.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Its domains, in the order of the file.</summary>
    public IReadOnlyList<DomainDescription> Domains { get; set; } = [];

    /// <summary>Its qubes, in the order of the file.</summary>
    public IReadOnlyList<QubeDescription> Qubes { get; set; } = [];

    /// <summary>Its components on seL4, in the order of the file.</summary>
    public IReadOnlyList<ComponentDescription> Components { get; set; } = [];

    /// <summary>Memory that components share.</summary>
    public IReadOnlyList<RegionDescription> Regions { get; set; } = [];

    /// <summary>What components share that comes and goes together.</summary>
    public IReadOnlyList<ConnectionDescription> Connections { get; set; } = [];

    /// <summary>Bytes of memory of the machine that it is to fit into on seL4.</summary>
    public Located<ulong>? Memory { get; set; }

    /// <summary>All disks, of qubes and components.</summary>
    public IEnumerable<DiskDescription> Disks => Qubes.SelectMany(q => q.Disks).Concat(Components.SelectMany(c => c.Disks));

    /// <summary>All that can be a client of a net domain, but for other net domains.</summary>
    public IEnumerable<NetClientDescription> NetClients => Qubes.Concat<NetClientDescription>(Components);
}

/// <summary>A domain: a component that serves devices.</summary>
internal sealed class DomainDescription
{
    /// <summary>Its name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Kind of a domain that serves disks.</summary>
    public const string Storage = "storage";

    /// <summary>Kind of a domain that serves network interfaces.</summary>
    public const string Net = "net";

    /// <summary>What it runs.</summary>
    public string Kind { get; set; } = Storage;

    /// <summary>It is a net domain.</summary>
    public bool IsNet => Kind == Net;

    /// <summary>Most bytes of memory for its own use; guests' memory and page cache do not count.</summary>
    public ulong Memory { get; set; } = 128 << 20;

    /// <summary>The NVMe controller that it drives: a PCI address or <see cref="NvmeImage.Emulated"/>; null where it serves files alone.</summary>
    public Located<string>? Nvme { get; set; }

    /// <summary>What an emulated controller stores: a file for each of its namespaces, from 1.</summary>
    public IReadOnlyList<Located<string>> Namespaces { get; set; } = [];

    /// <summary>How a net domain reaches the world.</summary>
    public Located<UplinkDescription>? Uplink { get; set; }

    /// <summary>A net domain's addresses towards its clients and its own net domain; null before they were assigned.</summary>
    public PortAddresses? Addresses { get; set; }

    /// <summary>How it runs on seL4.</summary>
    public ComponentScheduling Scheduling { get; set; } = new();

    /// <summary>The controller is a device model.</summary>
    public bool IsEmulated => Nvme is { Value: NvmeImage.Emulated };
}

/// <summary>A qube: a virtual machine.</summary>
internal sealed class QubeDescription : NetClientDescription
{
    /// <inheritdoc/>
    public override string Noun => "qube";

    /// <summary>Its label.</summary>
    public Label Label { get; set; }

    /// <summary>Bytes of RAM.</summary>
    public ulong Memory { get; set; } = 256 << 20;

    /// <summary>Number of virtual processors.</summary>
    public int Cores { get; set; } = 1;

    /// <summary>What it runs in; null for the best that can run it.</summary>
    public Located<VmmKind>? Vmm { get; set; }

    /// <summary>Kernel image, or null to boot from the first disk.</summary>
    public Located<string>? Kernel { get; set; }

    /// <summary>Initial RAM disk for the kernel.</summary>
    public Located<string>? Initrd { get; set; }

    /// <summary>The kernel's command line, or null for the default.</summary>
    public string? CommandLine { get; set; }

    /// <summary>The disk that is named <c>root</c> and comes first, if there is one.</summary>
    public DiskDescription? Root { get; set; }

    /// <summary>The other disks.</summary>
    public IReadOnlyList<DiskDescription> OtherDisks { get; set; } = [];

    /// <summary>All disks in the order in which the guest sees them.</summary>
    public IEnumerable<DiskDescription> Disks => Root is null ? OtherDisks : OtherDisks.Prepend(Root);
}

/// <summary>A disk of a qube.</summary>
internal sealed class DiskDescription
{
    /// <summary>Overlay that is thrown away when the system stops.</summary>
    public const string Volatile = "volatile";

    /// <summary>Prefix of an image that stores nothing: <c>null:1G</c>.</summary>
    public const string NullPrefix = "null:";

    /// <summary>Its name, unique in the qube; the guest sees it as serial number.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Name of the domain that serves it; null only where the system has one.</summary>
    public Located<string>? Domain { get; set; }

    /// <summary>File or block device that holds it, or a null device.</summary>
    public Located<string>? Image { get; set; }

    /// <summary>File or block device that it starts as a copy of.</summary>
    public Located<string>? Template { get; set; }

    /// <summary>Where what differs from the template is kept: <see cref="Volatile"/> or a file.</summary>
    public Located<string>? Overlay { get; set; }

    /// <summary>Whether the guest cannot write.</summary>
    public Located<bool> ReadOnly { get; set; }

    /// <summary>Number, name or GUID of the GPT partition of the image that it is, or null for all of it.</summary>
    public Located<string>? Partition { get; set; }

    /// <summary>Serial number that the guest sees, or null for its name.</summary>
    public string? Serial { get; set; }

    /// <summary>Number of virtqueues, or null for one a core.</summary>
    public int? Queues { get; set; }

    /// <summary>How fast it may be used.</summary>
    public DiskLimits? Limits { get; set; }

    /// <summary>Of a component's disk: bytes of memory that component and domain share for it; null for the default.</summary>
    public Located<ulong>? Memory { get; set; }
}

/// <summary>Limits of a disk; what is null is not limited.</summary>
internal sealed class DiskLimits
{
    /// <summary>Operations a second.</summary>
    public long? Iops { get; set; }

    /// <summary>Bytes a second.</summary>
    public ulong? BytesPerSecond { get; set; }

    /// <summary>How long the full rate can be saved up, in milliseconds.</summary>
    public long? BurstMilliseconds { get; set; }
}
