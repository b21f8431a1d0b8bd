using Makatea.Platform;

namespace Makatea.Vmm.Boot;

/// <summary>How the first processor starts.</summary>
/// <param name="Registers">General registers.</param>
/// <param name="SystemRegisters">Segments, tables, control registers.</param>
public sealed record InitialCpuState(CpuRegisters Registers, CpuSystemRegisters SystemRegisters)
{
    private const ulong ProtectedModeBits = CpuSystemRegisters.ProtectionEnable | CpuSystemRegisters.ExtensionType;

    /// <summary>Sets a processor up that has not run. Its APIC stays as it is.</summary>
    /// <exception cref="IOException">The host refuses the state.</exception>
    public void ApplyTo(VirtualCpu cpu)
    {
        ArgumentNullException.ThrowIfNull(cpu);
        cpu.GetSystemRegisters(out CpuSystemRegisters now);
        cpu.SetSystemRegisters(SystemRegisters with { ApicBase = now.ApicBase });
        cpu.SetRegisters(Registers);
    }

    /// <summary>64-bit mode on the identity map; RSI has the zero page ([LINUX-BOOT] 64-bit Boot Protocol).</summary>
    internal static InitialCpuState LongMode(GuestWriter writer, ulong entry, ulong zeroPage)
    {
        CpuSegment code = CpuSegment.Code64(BootDescriptors.CodeSelector);
        CpuSystemRegisters system = Flat(code, BootDescriptors.Write(writer, code)) with
        {
            Cr0 = ProtectedModeBits | CpuSystemRegisters.Paging,
            Cr3 = BootArea.PageTables,
            Cr4 = CpuSystemRegisters.PhysicalAddressExtension,
            Efer = CpuSystemRegisters.LongModeEnable | CpuSystemRegisters.LongModeActive,
        };
        return new(new CpuRegisters { Rip = entry, Rsi = zeroPage, Rflags = CpuRegisters.ReservedFlag }, system);
    }

    /// <summary>32-bit protected mode without paging; EBX has the start info ([PVH] CPU state).</summary>
    internal static InitialCpuState ProtectedMode(GuestWriter writer, uint entry, uint startInfo)
    {
        CpuSegment code = CpuSegment.Code32(BootDescriptors.CodeSelector);
        CpuSystemRegisters system = Flat(code, BootDescriptors.Write(writer, code)) with { Cr0 = ProtectedModeBits };
        return new(new CpuRegisters { Rip = entry, Rbx = startInfo, Rflags = CpuRegisters.ReservedFlag }, system);
    }

    private static CpuSystemRegisters Flat(CpuSegment code, CpuTable table) => CpuSystemRegisters.AfterReset() with
    {
        Cs = code,
        Ds = BootDescriptors.Data,
        Es = BootDescriptors.Data,
        Fs = BootDescriptors.Data,
        Gs = BootDescriptors.Data,
        Ss = BootDescriptors.Data,
        Tr = BootDescriptors.Task,
        Gdt = table,
    };
}
