namespace Makatea.Sel4;

/// <summary>Configuration space by ports 0xcf8 and 0xcfc ([PCI-3.0] 3.2.2.3.2): the 256 bytes that every function has.</summary>
internal static class ConfigPorts
{
    private const ushort Address = 0xcf8;
    private const ushort Data = 0xcfc;
    private const uint Enable = 1u << 31;

    private static uint s_ports;

    /// <summary>Takes the ports.</summary>
    /// <param name="slot">An empty slot.</param>
    internal static bool Open(uint slot)
    {
        s_ports = slot;
        return CapabilitySpace.IssuePorts(Address, Data + 3, slot).IsDone;
    }

    /// <summary>Reads a register of a function.</summary>
    /// <param name="function">Bus, device and function as 16 bits.</param>
    /// <param name="offset">A multiple of the width, below 256.</param>
    /// <param name="width">1, 2 or 4.</param>
    internal static uint Read(uint function, uint offset, uint width)
    {
        Aim(function, offset);
        BoardValue label = width == 1 ? BoardValue.X86IOPortIn8 : width == 2 ? BoardValue.X86IOPortIn16 : BoardValue.X86IOPortIn32;
        ulong value = KernelCall.Invoke(s_ports, label, 0, 1, Data + (offset & 3)).Value;
        return (uint)value & (width == 1 ? 0xffu : width == 2 ? 0xffffu : ~0u);
    }

    /// <summary>Writes a register of a function; parameters as above.</summary>
    internal static void Write(uint function, uint offset, uint width, uint value)
    {
        Aim(function, offset);
        BoardValue label = width == 1 ? BoardValue.X86IOPortOut8 : width == 2 ? BoardValue.X86IOPortOut16 : BoardValue.X86IOPortOut32;
        KernelCall.Invoke(s_ports, label, 0, 2, Data + (offset & 3), value);
    }

    private static void Aim(uint function, uint offset) =>
        KernelCall.Invoke(s_ports, BoardValue.X86IOPortOut32, 0, 2, Address, Enable | (function << 8) | (offset & 0xfc));
}
