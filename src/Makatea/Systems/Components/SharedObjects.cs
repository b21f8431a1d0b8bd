namespace Makatea.Systems;

/// <summary>Memory that components share.</summary>
internal sealed class RegionDescription
{
    /// <summary>Its name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; set; }
}

/// <summary>A component's use of a region.</summary>
internal sealed class RegionUse
{
    /// <summary>The region's name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>What the component may do with it.</summary>
    public RegionAccess Access { get; set; }
}

/// <summary>What a component may do with a region.</summary>
internal enum RegionAccess
{
    /// <summary>Read.</summary>
    Read,

    /// <summary>Read and write.</summary>
    Write,

    /// <summary>Read and write, and let its devices do so.</summary>
    Device,
}

/// <summary>Things that components share and that come and go together.</summary>
internal sealed class ConnectionDescription
{
    /// <summary>Its name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Regions.</summary>
    public IReadOnlyList<Located<string>> Regions { get; set; } = [];

    /// <summary>Doorbells.</summary>
    public IReadOnlyList<Located<string>> Doorbells { get; set; } = [];

    /// <summary>Disks, COMPONENT/DISK.</summary>
    public IReadOnlyList<Located<string>> Disks { get; set; } = [];
}

/// <summary>A function on PCI that a component drives.</summary>
internal sealed class FunctionDescription
{
    /// <summary>Its name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Where it is.</summary>
    public Located<string> Address { get; set; }

    /// <summary>VENDOR:DEVICE that it must be, in hexadecimal; null for any.</summary>
    public string? Identity { get; set; }

    /// <summary>Interrupts by message that it is given.</summary>
    public int Vectors { get; set; } = 1;

    /// <summary>It may do DMA without an IOMMU.</summary>
    public bool AllowUnprotected { get; set; }
}

/// <summary>Registers of a device by physical address.</summary>
internal sealed class RegistersDescription
{
    /// <summary>Their name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>Their physical address, in hexadecimal.</summary>
    public Located<string> Address { get; set; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; set; } = 4096;
}
