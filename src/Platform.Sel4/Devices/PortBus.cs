using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>I/O ports that the component was granted; each access is a call of the kernel, which refuses others.</summary>
internal sealed class PortBus(KernelGate gate, GrantEntry ports) : RegisterBus
{
    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        BoardValue label = width switch
        {
            1 => BoardValue.X86IOPortIn8,
            2 => BoardValue.X86IOPortIn16,
            4 => BoardValue.X86IOPortIn32,
            _ => throw new ArgumentOutOfRangeException(nameof(width), width, "ports are 1, 2 or 4 bytes wide"),
        };
        return gate.TryRead(ports.Slot, label, address, out ulong value) ? value : ulong.MaxValue >> (64 - (8 * width));
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value) => gate.Write(
        ports.Slot,
        width switch
        {
            1 => BoardValue.X86IOPortOut8,
            2 => BoardValue.X86IOPortOut16,
            4 => BoardValue.X86IOPortOut32,
            _ => throw new ArgumentOutOfRangeException(nameof(width), width, "ports are 1, 2 or 4 bytes wide"),
        },
        address,
        value);
}
