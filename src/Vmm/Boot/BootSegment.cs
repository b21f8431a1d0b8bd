namespace Makatea.Vmm.Boot;

/// <summary>A segment register with what the processor keeps of its descriptor; its base is 0.</summary>
/// <param name="Selector">The visible part.</param>
/// <param name="Limit">Its last byte.</param>
/// <param name="Attributes">Type, S, DPL and P in bits 0 to 7, AVL, L, D/B and G in bits 12 to 15, as in the access rights of a VMCS ([SDM] volume 3, table 25-2).</param>
public readonly record struct BootSegment(ushort Selector, uint Limit, ushort Attributes);
