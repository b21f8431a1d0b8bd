namespace Makatea.Platform;

/// <summary>Segments, descriptor tables and control registers.</summary>
public record struct CpuSystemRegisters
{
    /// <summary>CR0.PE: protected mode.</summary>
    public const ulong ProtectionEnable = 1;

    /// <summary>CR0.ET, always set.</summary>
    public const ulong ExtensionType = 1 << 4;

    /// <summary>CR0.PG: paging.</summary>
    public const ulong Paging = 1ul << 31;

    /// <summary>CR4.PAE: page table entries of 8 bytes.</summary>
    public const ulong PhysicalAddressExtension = 1 << 5;

    /// <summary>EFER.LME: long mode from the moment paging is on.</summary>
    public const ulong LongModeEnable = 1 << 8;

    /// <summary>EFER.LMA: long mode is on.</summary>
    public const ulong LongModeActive = 1 << 10;

#pragma warning disable CS1591 // The names of the processor's manual say it.
    public CpuSegment Cs, Ds, Es, Fs, Gs, Ss;
    public CpuSegment Tr, Ldt;
    public CpuTable Gdt, Idt;
    public ulong Cr0, Cr2, Cr3, Cr4, Cr8;
    public ulong Efer;
#pragma warning restore CS1591

    /// <summary>
    /// IA32_APIC_BASE as the processor sees it: CPUID shows whether there is an APIC by its enable bit. Where the local APIC is the VMM's, so is this register, which it sets here when
    /// the guest writes it.
    /// </summary>
    public ulong ApicBase;

    /// <summary>After reset or INIT ([SDM] 3A, table 10-1): real mode, executing at 0xfffffff0.</summary>
    /// <param name="apicBase">The local APIC's base and whether this is the processor that boots, which INIT leaves as they are.</param>
    public static CpuSystemRegisters AfterReset(ulong apicBase = 0xfee00900) => new()
    {
        Cs = CpuSegment.Real(0xf000, isCode: true) with { Base = 0xffff0000 },
        Ds = CpuSegment.Real(0, isCode: false),
        Es = CpuSegment.Real(0, isCode: false),
        Fs = CpuSegment.Real(0, isCode: false),
        Gs = CpuSegment.Real(0, isCode: false),
        Ss = CpuSegment.Real(0, isCode: false),
        Ldt = new CpuSegment(0, 0, 0xffff, 0x82),
        Tr = new CpuSegment(0, 0, 0xffff, 0x8b),
        Gdt = new CpuTable(0, 0xffff),
        Idt = new CpuTable(0, 0xffff),

        // CD and NW: caches are off.
        Cr0 = 0x60000000 | ExtensionType,
        ApicBase = apicBase,
    };
}
