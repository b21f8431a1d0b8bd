namespace Makatea.Vmm.Boot;

/// <summary>
/// How the first processor starts. Registers that are not here are 0; interrupts are off, the segments DS, ES, FS, GS and SS are <see cref="Data"/>.
/// </summary>
public sealed record InitialCpuState
{
    private const ulong Cr0ProtectionEnable = 1 << 0;
    private const ulong Cr0ExtensionType = 1 << 4;
    private const ulong Cr0Paging = 1UL << 31;
    private const ulong Cr4PhysicalAddressExtension = 1 << 5;
    private const ulong EferLongModeEnable = 1 << 8;
    private const ulong EferLongModeActive = 1 << 10;

    private InitialCpuState()
    {
    }

    /// <summary>First instruction.</summary>
    public required ulong Rip { get; init; }

    /// <summary>Linux: address of <c>boot_params</c>.</summary>
    public ulong Rsi { get; private init; }

    /// <summary>PVH: address of <c>hvm_start_info</c>.</summary>
    public ulong Rbx { get; private init; }

    /// <summary>Flags; only the bit that is always 1.</summary>
    public ulong Rflags => 2;

    /// <summary>Control register 0.</summary>
    public required ulong Cr0 { get; init; }

    /// <summary>Root of the page tables; 0 where paging is off.</summary>
    public ulong Cr3 { get; private init; }

    /// <summary>Control register 4.</summary>
    public ulong Cr4 { get; private init; }

    /// <summary>The extended feature register.</summary>
    public ulong Efer { get; private init; }

    /// <summary>Code segment.</summary>
    public required BootSegment Code { get; init; }

    /// <summary>Data segments.</summary>
    public BootSegment Data => BootDescriptors.Data;

    /// <summary>Task register.</summary>
    public BootSegment Task => BootDescriptors.Task;

    /// <summary>Address of the global descriptor table.</summary>
    public ulong DescriptorTable => BootArea.Descriptors;

    /// <summary>Its last byte.</summary>
    public ushort DescriptorTableLimit => BootDescriptors.Limit;

    /// <summary>64-bit mode on the identity map ([LINUX-BOOT] 64-bit Boot Protocol).</summary>
    internal static InitialCpuState LongMode(GuestWriter writer, ulong entry, ulong zeroPage)
    {
        BootDescriptors.Write(writer, BootDescriptors.Code64);
        return new()
        {
            Rip = entry,
            Rsi = zeroPage,
            Cr0 = Cr0ProtectionEnable | Cr0ExtensionType | Cr0Paging,
            Cr3 = BootArea.PageTables,
            Cr4 = Cr4PhysicalAddressExtension,
            Efer = EferLongModeEnable | EferLongModeActive,
            Code = BootDescriptors.Code64,
        };
    }

    /// <summary>32-bit protected mode without paging ([PVH] CPU state).</summary>
    internal static InitialCpuState ProtectedMode(GuestWriter writer, uint entry, uint startInfo)
    {
        BootDescriptors.Write(writer, BootDescriptors.Code32);
        return new()
        {
            Rip = entry,
            Rbx = startInfo,
            Cr0 = Cr0ProtectionEnable | Cr0ExtensionType,
            Code = BootDescriptors.Code32,
        };
    }
}
