using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>Registers behind a base address register.</summary>
internal sealed class PciBarModel(PciFunctionModel function, int index, ulong length, RegisterBus registers)
{
    internal PciFunctionModel Function { get; } = function;

    internal int Index { get; } = index;

    internal ulong Length { get; } = length;

    internal RegisterBus Registers { get; } = registers;

    /// <summary>Where they are on the bus; null where they are not.</summary>
    internal ulong? Mapped { get; set; }
}
