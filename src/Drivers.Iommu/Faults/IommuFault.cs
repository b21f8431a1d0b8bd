using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>Something that a remapping unit blocked.</summary>
/// <param name="Kind">What the device tried.</param>
/// <param name="Device">Which device: the requester of the transaction.</param>
/// <param name="Address">The page that it addressed ([VT-d-4.1] 11.4.14: without its lowest 12 bits); 0 for an interrupt.</param>
/// <param name="InterruptIndex">The entry of the interrupt table that it named; 0 for DMA.</param>
/// <param name="Access">Whether it read or wrote; an interrupt is a write.</param>
/// <param name="Reason">Why it was blocked, as the unit says it ([VT-d-4.1] 7.1.3).</param>
public readonly record struct IommuFault(IommuFaultKind Kind, PciAddress Device, ulong Address, ushort InterruptIndex, DmaAccess Access, byte Reason)
{
    /// <summary>The reason in words.</summary>
    public string ReasonText => FaultReason.Describe(Reason);

    /// <inheritdoc/>
    public override string ToString() => Kind == IommuFaultKind.Interrupt
        ? $"{Device} was kept from raising interrupt {InterruptIndex}: {ReasonText}"
        : $"{Device} was kept from {(Access == DmaAccess.Read ? "reading" : "writing")} page 0x{Address:x}: {ReasonText}";
}

/// <summary>What a device tried.</summary>
public enum IommuFaultKind : byte
{
    /// <summary>To read or write memory.</summary>
    Dma,

    /// <summary>To raise an interrupt.</summary>
    Interrupt,
}
