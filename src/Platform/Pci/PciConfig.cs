namespace Makatea.Platform;

/// <summary>Offsets and bits of configuration space, type 0 header ([PCI-3.0] 6.1 and 6.2).</summary>
public static class PciConfig
{
    /// <summary>Vendor ID, 16 bits.</summary>
    public const int VendorId = 0x00;

    /// <summary>Device ID, 16 bits.</summary>
    public const int DeviceId = 0x02;

    /// <summary>Command register, 16 bits.</summary>
    public const int Command = 0x04;

    /// <summary>Status register, 16 bits.</summary>
    public const int Status = 0x06;

    /// <summary>Revision ID, 8 bits; with the class code, 32.</summary>
    public const int RevisionId = 0x08;

    /// <summary>Header type, 8 bits: 0 function, 1 bridge; bit 7 several functions.</summary>
    public const int HeaderType = 0x0e;

    /// <summary>First base address register, 32 bits each.</summary>
    public const int Bar0 = 0x10;

    /// <summary>Subsystem vendor ID, 16 bits.</summary>
    public const int SubsystemVendorId = 0x2c;

    /// <summary>Subsystem ID, 16 bits.</summary>
    public const int SubsystemId = 0x2e;

    /// <summary>Offset of the first capability, 8 bits.</summary>
    public const int CapabilitiesPointer = 0x34;

    /// <summary>Length of the space that every function has, in bytes.</summary>
    public const int Length = 256;

    /// <summary>Length of the space of a PCI Express function, in bytes.</summary>
    public const int ExtendedLength = 4096;

    /// <summary>Command: decodes I/O ports.</summary>
    public const ushort CommandPorts = 1 << 0;

    /// <summary>Command: decodes memory.</summary>
    public const ushort CommandMemory = 1 << 1;

    /// <summary>Command: may start transactions, that is DMA and message-signalled interrupts.</summary>
    public const ushort CommandBusMaster = 1 << 2;

    /// <summary>Command: raises no pin interrupt.</summary>
    public const ushort CommandNoPinInterrupt = 1 << 10;

    /// <summary>Status: there is a list of capabilities.</summary>
    public const ushort StatusCapabilities = 1 << 4;
}

/// <summary>Capability IDs that drivers look for.</summary>
public enum PciCapabilityId : byte
{
    /// <summary>Power management.</summary>
    PowerManagement = 0x01,

    /// <summary>Message-signalled interrupts ([PCI-3.0] 6.8.1).</summary>
    Msi = 0x05,

    /// <summary>PCI Express.</summary>
    Express = 0x10,

    /// <summary>Message-signalled interrupts, extended ([PCI-3.0] 6.8.2).</summary>
    MsiX = 0x11,

    /// <summary>Advanced features: function-level reset of a function that is not PCI Express.</summary>
    AdvancedFeatures = 0x13,
}
