namespace Makatea.Sel4;

/// <summary>
/// The file <see cref="FileName"/> in the archive: which components there are, what each is given, what they share. All numbers are 64 bits, little-endian; offsets count bytes from the start of
/// the file; each table's entries are numbered from 0 and named by that number.
/// </summary>
public static class ManifestLayout
{
    /// <summary>Its name in the archive.</summary>
    public const string FileName = "manifest";

    /// <summary>"MAKATEAM".</summary>
    public const ulong Magic = 0x4d_41_45_54_41_4b_41_4d;

    /// <summary>Version of this layout.</summary>
    public const ulong Version = 1;

    /// <summary>Most components.</summary>
    public const int MaxComponents = 64;

    /// <summary>Most of everything else, each.</summary>
    public const int MaxObjects = 256;

    /// <summary>Most threads of one component's program.</summary>
    public const int MaxThreads = 256;

    /// <summary>Most waiters of one component.</summary>
    public const int MaxWaiters = 64;

    /// <summary>Lowest priority of a component's first thread.</summary>
    public const int MinPriority = 2;

    /// <summary>Highest: the root task's are above.</summary>
    public const int MaxPriority = 250;

    /// <summary>Least microseconds of a budget.</summary>
    public const int MinBudget = 10;

    /// <summary>Most microseconds of a period.</summary>
    public const int MaxPeriod = 10_000_000;

    /// <summary>Most bytes of a component's memory, and of a region.</summary>
    public const ulong MaxMemory = 1ul << 36;

    /// <summary>Most bytes of a guest's memory, which starts at its address 0: above are its devices.</summary>
    public const ulong MaxGuestMemory = 3ul << 30;

    /// <summary>Most interrupts by message of a function.</summary>
    public const int MaxVectors = 64;

    /// <summary>The pin after the last.</summary>
    public const int EndOfPins = 256;
}

/// <summary>A text or a table: where it is.</summary>
public struct ManifestSpan
{
    /// <summary>Where it starts, from the start of the file; a multiple of 8 for tables.</summary>
    public ulong Offset;

    /// <summary>Bytes of a text, entries of a table.</summary>
    public ulong Length;
}

/// <summary>What the file begins with.</summary>
public struct ManifestHeader
{
    /// <summary><see cref="ManifestLayout.Magic"/>.</summary>
    public ulong Magic;

    /// <summary><see cref="ManifestLayout.Version"/>.</summary>
    public ulong Version;

    /// <summary>Bytes of the file.</summary>
    public ulong Length;

    /// <summary>Table of <see cref="ManifestComponent"/>.</summary>
    public ManifestSpan Components;

    /// <summary>Table of <see cref="ManifestRegion"/>.</summary>
    public ManifestSpan Regions;

    /// <summary>Table of <see cref="ManifestDoorbell"/>.</summary>
    public ManifestSpan Doorbells;

    /// <summary>Table of <see cref="ManifestFunction"/>.</summary>
    public ManifestSpan Functions;

    /// <summary>Table of <see cref="ManifestGrant"/>, those of each component in a row.</summary>
    public ManifestSpan Grants;
}

/// <summary>A component.</summary>
public struct ManifestComponent
{
    /// <summary>Its name.</summary>
    public ManifestSpan Name;

    /// <summary>Name of its program in the archive: a Linux program where there is a layer.</summary>
    public ManifestSpan Program;

    /// <summary>Name of the layer in the archive; empty for a program of its own, which then is started as a layer is.</summary>
    public ManifestSpan Layer;

    /// <summary>Arguments, each ended by a zero.</summary>
    public ManifestSpan Arguments;

    /// <summary>Environment, NAME=VALUE, each ended by a zero.</summary>
    public ManifestSpan Environment;

    /// <summary>Bytes of memory that it gets besides its programs: whole pages.</summary>
    public ulong Memory;

    /// <summary>Threads of its program, besides the layer's.</summary>
    public ulong Threads;

    /// <summary>Notifications that its threads wait at.</summary>
    public ulong Waiters;

    /// <summary>Priority of its first thread, 2 to 250; its other threads run at one less.</summary>
    public ulong Priority;

    /// <summary>Microseconds of processor time in each period: of each thread by the kernel's own count, of all together as the root task watches.</summary>
    public ulong Budget;

    /// <summary>Microseconds, not less than the budget.</summary>
    public ulong Period;

    /// <summary>What the root task does with it.</summary>
    public ComponentFlags Flags;

    /// <summary>Its first grant, and how many.</summary>
    public ulong FirstGrant;

    /// <summary>Number of its grants.</summary>
    public ulong GrantCount;
}

/// <summary>What the root task does with a component.</summary>
[System.Flags]
public enum ComponentFlags : ulong
{
    /// <summary>Nothing by itself.</summary>
    None = 0,

    /// <summary>It is started at boot, in the order of the manifest.</summary>
    Start = 1,

    /// <summary>It is started again when it fails.</summary>
    Restart = 2,

    /// <summary>It serves the console: text of the others arrives at its <see cref="ComponentLayout.FaultSlot"/> endpoint, with the writer's number plus one for a badge.</summary>
    Console = 4,
}

/// <summary>Memory that components share. It outlives them.</summary>
public struct ManifestRegion
{
    /// <summary>Its name.</summary>
    public ManifestSpan Name;

    /// <summary>Bytes: whole pages.</summary>
    public ulong Length;
}

/// <summary>A doorbell.</summary>
public struct ManifestDoorbell
{
    /// <summary>Its name.</summary>
    public ManifestSpan Name;
}

/// <summary>A function on PCI, which one component may have at a time.</summary>
public struct ManifestFunction
{
    /// <summary>Its name.</summary>
    public ManifestSpan Name;

    /// <summary>Bus, device and function as 16 bits.</summary>
    public ulong Address;

    /// <summary>Vendor and, above 16 bits, device that it must be; 0 for any.</summary>
    public ulong Identity;

    /// <summary>Interrupts by message that it is given.</summary>
    public ulong Vectors;

    /// <summary>1 where it may be driven without an IOMMU, by its registers alone: it does no DMA then.</summary>
    public ulong AllowUnprotected;
}

/// <summary>Something that a component is given.</summary>
public struct ManifestGrant
{
    /// <summary>What: <see cref="GrantKind.Region"/>, Ring, Hear, File, Function, PinInterrupt, Ports, Registers, Management or Guest. What belongs to a function comes with it.</summary>
    public GrantKind Kind;

    /// <summary>Number of the region (of a guest, its memory's), doorbell or function; the pin; the first port; the physical address.</summary>
    public ulong Number;

    /// <summary>Its name for the component; of a file, its name in the archive.</summary>
    public ManifestSpan Name;

    /// <summary>Number of ports, bytes of registers.</summary>
    public ulong Length;

    /// <summary>What may be done with it.</summary>
    public GrantRights Rights;

    /// <summary>0 where it is given at the start, else the number of the connection, from 1, with which it comes and goes.</summary>
    public ulong Connection;
}

/// <summary>What a component may do with a grant.</summary>
[System.Flags]
public enum GrantRights : ulong
{
    /// <summary>Read, ring, hear.</summary>
    None = 0,

    /// <summary>Write to a region.</summary>
    Write = 1,

    /// <summary>Let its devices reach a region.</summary>
    Device = 2,
}
