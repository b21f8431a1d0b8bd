namespace Makatea.Sel4.Image.Manifests;

/// <summary>A component of a manifest, as <see cref="ManifestComponent"/> holds it.</summary>
public sealed record Component
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Name of its program in the archive.</summary>
    public required string Program { get; init; }

    /// <summary>Name of the layer in the archive that serves its program's system calls; <see langword="null"/> for a program that needs none.</summary>
    public string? Layer { get; init; }

    /// <summary>Arguments; the first is the program's name.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Environment, NAME=VALUE.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>Bytes of memory besides its programs: whole pages.</summary>
    public ulong Memory { get; init; }

    /// <summary>Threads of its program.</summary>
    public int Threads { get; init; }

    /// <summary>Notifications that its threads wait at.</summary>
    public int Waiters { get; init; }

    /// <summary>Priority of its first thread.</summary>
    public int Priority { get; init; } = 100;

    /// <summary>Microseconds of processor time in each period: of each thread by the kernel's own count, of all together as the root task watches.</summary>
    public long Budget { get; init; } = 1000;

    /// <summary>Microseconds.</summary>
    public long Period { get; init; } = 1000;

    /// <summary>What the root task does with it.</summary>
    public ComponentFlags Flags { get; init; }

    /// <summary>What it is given.</summary>
    public IReadOnlyList<Grant> Grants { get; init; } = [];
}

/// <summary>Something that a component is given, as <see cref="ManifestGrant"/> holds it.</summary>
/// <param name="Kind">What.</param>
/// <param name="Number">Number of the region, doorbell or function; the pin; the first port; the physical address.</param>
/// <param name="Name">Its name for the component; of a file, its name in the archive.</param>
public sealed record Grant(GrantKind Kind, ulong Number, string Name)
{
    /// <summary>Number of ports, bytes of registers.</summary>
    public ulong Length { get; init; }

    /// <summary>What may be done with it.</summary>
    public GrantRights Rights { get; init; }

    /// <summary>0 where it is given at the start, else the number of the connection with which it comes and goes.</summary>
    public ulong Connection { get; init; }
}

/// <summary>Memory that components share.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Bytes: whole pages.</param>
public sealed record Region(string Name, ulong Length);

/// <summary>A function on PCI.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Bus, device and function as 16 bits.</param>
/// <param name="Identity">Vendor and, above 16 bits, device that it must be; 0 for any.</param>
/// <param name="Vectors">Interrupts by message that it is given.</param>
/// <param name="AllowUnprotected">It may be driven without an IOMMU, by its registers alone.</param>
public sealed record Function(string Name, ushort Address, uint Identity, int Vectors, bool AllowUnprotected);
