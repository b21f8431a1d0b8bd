namespace Makatea.Systems;

/// <summary>A component of one's own, on seL4. Paths are as written until <see cref="FileChecks"/> made them absolute.</summary>
internal sealed class ComponentDescription : NetClientDescription
{
    /// <inheritdoc/>
    public override string Noun => "component";

    /// <summary>What it runs: a folder with a project, a project file, or a program for its layer.</summary>
    public Located<string> Program { get; set; }

    /// <summary>What its program finds below it.</summary>
    public ComponentLayer Layer { get; set; }

    /// <summary>Bytes of memory besides its program; null for the default of its layer.</summary>
    public Located<ulong>? Memory { get; set; }

    /// <summary>Bytes of memory of the guest that it runs; null where it runs none.</summary>
    public Located<ulong>? Guest { get; set; }

    /// <summary>How it runs.</summary>
    public ComponentScheduling Scheduling { get; set; } = new();

    /// <summary>It is started at boot.</summary>
    public bool Start { get; set; } = true;

    /// <summary>It may start, stop and connect the others.</summary>
    public bool Management { get; set; }

    /// <summary>Arguments behind the program's name.</summary>
    public IReadOnlyList<string> Arguments { get; set; } = [];

    /// <summary>Environment, by name.</summary>
    public IReadOnlyList<NamedText> Environment { get; set; } = [];

    /// <summary>Files that it may read: names in the archive, and what they hold.</summary>
    public IReadOnlyList<NamedText> Files { get; set; } = [];

    /// <summary>Regions of the system that it has, and what it may do with them.</summary>
    public IReadOnlyList<RegionUse> Regions { get; set; } = [];

    /// <summary>Doorbells that it rings.</summary>
    public IReadOnlyList<Located<string>> Rings { get; set; } = [];

    /// <summary>Doorbells that it hears.</summary>
    public IReadOnlyList<Located<string>> Hears { get; set; } = [];

    /// <summary>Disks that storage domains serve it.</summary>
    public IReadOnlyList<DiskDescription> Disks { get; set; } = [];

    /// <summary>Functions on PCI that it drives.</summary>
    public IReadOnlyList<FunctionDescription> Functions { get; set; } = [];

    /// <summary>Ports, FIRST or FIRST-LAST in hexadecimal.</summary>
    public IReadOnlyList<Located<string>> Ports { get; set; } = [];

    /// <summary>Pins of the interrupt controller.</summary>
    public IReadOnlyList<Located<long>> Pins { get; set; } = [];

    /// <summary>Registers of devices by physical address.</summary>
    public IReadOnlyList<RegistersDescription> Registers { get; set; } = [];
}

/// <summary>What a component's program finds below it.</summary>
internal enum ComponentLayer
{
    /// <summary>The Linux ABI layer: it is a static Linux program.</summary>
    Linux,

    /// <summary>Nothing: it makes the kernel's own calls.</summary>
    None,
}

/// <summary>How a component runs on seL4; what is null has a default that depends on what it is.</summary>
internal sealed class ComponentScheduling
{
    /// <summary>Another program than a domain's own.</summary>
    public Located<string>? Program { get; set; }

    /// <summary>Most threads of its program.</summary>
    public int? Threads { get; set; }

    /// <summary>Notifications that its threads wait at.</summary>
    public int? Waiters { get; set; }

    /// <summary>Priority of its first thread.</summary>
    public int? Priority { get; set; }

    /// <summary>Microseconds of processor time in each period: of each thread by the kernel's own count, of all together as the root task watches.</summary>
    public Located<long>? Budget { get; set; }

    /// <summary>Microseconds.</summary>
    public long? Period { get; set; }

    /// <summary>It is started again when it fails.</summary>
    public bool? Restart { get; set; }
}

/// <summary>A text by name.</summary>
internal sealed class NamedText
{
    /// <summary>Its name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>The text.</summary>
    public Located<string> Text { get; set; }
}
