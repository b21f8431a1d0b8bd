namespace Makatea.Drivers.Iommu;

/// <summary>What a <see cref="DeviceScope"/> names.</summary>
public enum DeviceScopeKind : byte
{
    /// <summary>One function.</summary>
    Endpoint = 1,

    /// <summary>A bridge and all behind it.</summary>
    Bridge = 2,

    /// <summary>An I/O APIC: the requester ID with which it sends interrupts.</summary>
    IoApic = 3,

    /// <summary>A timer that sends interrupt messages.</summary>
    Hpet = 4,

    /// <summary>A device of the ACPI name space.</summary>
    Namespace = 5,
}
