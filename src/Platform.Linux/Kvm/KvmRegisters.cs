namespace Makatea.Platform.Linux;

/// <summary>System registers in KVM's form and in ours.</summary>
internal static unsafe class KvmRegisters
{
    internal static CpuSystemRegisters From(in Libc.KvmSystemRegisters raw) => new()
    {
        Cs = From(raw.Cs),
        Ds = From(raw.Ds),
        Es = From(raw.Es),
        Fs = From(raw.Fs),
        Gs = From(raw.Gs),
        Ss = From(raw.Ss),
        Tr = From(raw.Tr),
        Ldt = From(raw.Ldt),
        Gdt = new(raw.Gdt.Base, raw.Gdt.Limit),
        Idt = new(raw.Idt.Base, raw.Idt.Limit),
        Cr0 = raw.Cr0,
        Cr2 = raw.Cr2,
        Cr3 = raw.Cr3,
        Cr4 = raw.Cr4,
        Cr8 = raw.Cr8,
        Efer = raw.Efer,
        ApicBase = raw.ApicBase,
    };

    internal static Libc.KvmSystemRegisters To(in CpuSystemRegisters registers) => new()
    {
        Cs = To(registers.Cs),
        Ds = To(registers.Ds),
        Es = To(registers.Es),
        Fs = To(registers.Fs),
        Gs = To(registers.Gs),
        Ss = To(registers.Ss),
        Tr = To(registers.Tr),
        Ldt = To(registers.Ldt),
        Gdt = new() { Base = registers.Gdt.Base, Limit = registers.Gdt.Limit },
        Idt = new() { Base = registers.Idt.Base, Limit = registers.Idt.Limit },
        Cr0 = registers.Cr0,
        Cr2 = registers.Cr2,
        Cr3 = registers.Cr3,
        Cr4 = registers.Cr4,
        Cr8 = registers.Cr8,
        Efer = registers.Efer,
        ApicBase = registers.ApicBase,
    };

    private static CpuSegment From(in Libc.KvmSegment raw)
    {
        uint rights = (raw.Type & 15u) | ((raw.S & 1u) << 4) | ((raw.Dpl & 3u) << 5) | ((raw.Present & 1u) << 7)
            | ((raw.Avl & 1u) << 12) | ((raw.L & 1u) << 13) | ((raw.Db & 1u) << 14) | ((raw.G & 1u) << 15) | (raw.Unusable != 0 ? CpuSegment.Unusable : 0);
        return new(raw.Selector, raw.Base, raw.Limit, rights);
    }

    private static Libc.KvmSegment To(CpuSegment segment) => new()
    {
        Base = segment.Base,
        Limit = segment.Limit,
        Selector = segment.Selector,
        Type = Field(segment, 0, 15),
        S = Field(segment, 4, 1),
        Dpl = Field(segment, 5, 3),
        Present = Field(segment, 7, 1),
        Avl = Field(segment, 12, 1),
        L = Field(segment, 13, 1),
        Db = Field(segment, 14, 1),
        G = Field(segment, 15, 1),
        Unusable = Field(segment, 16, 1),
    };

    private static byte Field(CpuSegment segment, int shift, byte mask) => (byte)((segment.Rights >> shift) & mask);
}
