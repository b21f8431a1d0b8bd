using Makatea.Platform;
using static Makatea.Vmm.Policy.CpuidRegister;

namespace Makatea.Vmm.Policy;

/// <summary>An MSR that guests use directly, and when.</summary>
internal sealed record DirectMsr(string Name, MsrPermission Permission, Func<CpuidModel, bool> Condition);

/// <summary>MSRs that are the guest's own ([SDM] volume 4; [APM] volume 2, appendix A): the processor or the host's kernel switches them with the guest.</summary>
internal static class DirectMsrs
{
    internal const uint TimeStampCounter = 0x10;
    internal const uint SpeculationControl = 0x48;
    internal const uint PredictorCommand = 0x49;
    internal const uint FlushCommand = 0x10b;
    internal const uint VirtualSpeculationControl = 0xc001_011f;
    internal const uint KvmClock = 0x4b56_4d00;

    internal static IReadOnlyList<DirectMsr> All { get; } =
    [
        Always("IA32_SYSENTER_CS, ESP, EIP", 0x174, 3),
        Always("IA32_PAT", 0x277, 1),
        Always("IA32_EFER, STAR, LSTAR, CSTAR, FMASK", 0xc000_0080, 5),
        Always("FS_BASE, GS_BASE, KERNEL_GS_BASE", 0xc000_0100, 3),
        new("IA32_TIME_STAMP_COUNTER", new(TimeStampCounter, 1, MemoryAccess.Read), _ => true),
        new("IA32_TSC_AUX", new(0xc000_0103, 1, MemoryAccess.ReadWrite), c => c.Has(0x8000_0001, 0, Edx, 27) || c.Has(7, 0, Ecx, 22)),
        new("IA32_XSS", new(0xda0, 1, MemoryAccess.ReadWrite), c => c.Has(0xd, 1, Eax, 3)),
        new("IA32_MTRRCAP", new(0xfe, 1, MemoryAccess.Read), HasMtrrs),
        new("IA32_MTRR_PHYSBASE0 to PHYSMASK7", new(0x200, 16, MemoryAccess.ReadWrite), HasMtrrs),
        new("IA32_MTRR_FIX64K_00000", new(0x250, 1, MemoryAccess.ReadWrite), HasMtrrs),
        new("IA32_MTRR_FIX16K_80000, A0000", new(0x258, 2, MemoryAccess.ReadWrite), HasMtrrs),
        new("IA32_MTRR_FIX4K_C0000 to F8000", new(0x268, 8, MemoryAccess.ReadWrite), HasMtrrs),
        new("IA32_MTRR_DEF_TYPE", new(0x2ff, 1, MemoryAccess.ReadWrite), HasMtrrs),
        new("IA32_SPEC_CTRL", new(SpeculationControl, 1, MemoryAccess.ReadWrite), HasSpeculationControl),
        new("IA32_PRED_CMD", new(PredictorCommand, 1, MemoryAccess.Write), HasBarrier),
        new("IA32_FLUSH_CMD", new(FlushCommand, 1, MemoryAccess.Write), c => c.Has(7, 0, Edx, 28)),
        new("VIRT_SPEC_CTRL", new(VirtualSpeculationControl, 1, MemoryAccess.ReadWrite), c => c.Has(0x8000_0008, 0, Ebx, 25)),
        new("KVM's wall clock and system time", new(KvmClock, 2, MemoryAccess.ReadWrite), c => c.HasKvmClock),
    ];

    internal static bool HasSpeculationControl(CpuidModel cpuid) => cpuid.Has(7, 0, Edx, 26) || cpuid.Has(7, 0, Edx, 27) || cpuid.Has(7, 0, Edx, 31)
        || cpuid.Has(0x8000_0008, 0, Ebx, 14) || cpuid.Has(0x8000_0008, 0, Ebx, 15) || cpuid.Has(0x8000_0008, 0, Ebx, 24) || cpuid.Has(7, 2, Edx, 4) || cpuid.Has(0x8000_0008, 0, Ebx, 28);

    internal static bool HasBarrier(CpuidModel cpuid) => cpuid.Has(7, 0, Edx, 26) || cpuid.Has(0x8000_0008, 0, Ebx, 12);

    private static bool HasMtrrs(CpuidModel cpuid) => cpuid.Has(1, 0, Edx, 12);

    private static DirectMsr Always(string name, uint first, uint count) => new(name, new(first, count, MemoryAccess.ReadWrite), _ => true);
}
