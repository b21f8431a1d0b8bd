namespace Makatea.Drivers.Iommu;

/// <summary>What the platform supports ([VT-d-4.1] 8.1, flags).</summary>
[Flags]
public enum DmarFlags : byte
{
    /// <summary>Nothing of these.</summary>
    None = 0,

    /// <summary>The platform supports interrupt remapping.</summary>
    InterruptRemapping = 1,

    /// <summary>Firmware asks not to use x2APIC mode.</summary>
    X2ApicOptOut = 2,

    /// <summary>Firmware asks to keep devices from memory until drivers are there.</summary>
    DmaControlOptIn = 4,
}
