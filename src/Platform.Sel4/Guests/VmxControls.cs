namespace Makatea.Platform.Sel4;

/// <summary>Bits of a VMCS's controls ([SDM] volume 3, chapter 25), and what guests run with. The kernel adds what it needs itself, and takes away what the processor has not.</summary>
internal static class VmxControls
{
    /// <summary>Primary: leave as soon as an interrupt can be taken.</summary>
    internal const ulong InterruptWindow = 1 << 2;

    /// <summary>Primary: leave as soon as an NMI can be taken.</summary>
    internal const ulong NmiWindow = 1 << 22;

    /// <summary>Primary, always: HLT, RDPMC, MOV to and from CR8, MOV to and from debug registers leave the guest; the kernel's I/O bitmap has all ports leave.</summary>
    internal const ulong Primary = (1 << 7) | (1 << 11) | (1 << 19) | (1 << 20) | (1 << 23);

    /// <summary>Secondary: it may run without paging and without protection.</summary>
    internal const ulong UnrestrictedGuest = 1 << 7;

    /// <summary>Pin: it leaves when its timer has run down.</summary>
    internal const ulong PreemptionTimer = 1 << 6;

    /// <summary>Entry: it is in IA-32e mode, 64-bit or compatibility.</summary>
    internal const ulong LongModeGuest = 1 << 9;

    /// <summary>Entry, always: DR7 and IA32_DEBUGCTL, IA32_PAT, IA32_EFER.</summary>
    internal const ulong Entry = (1 << 2) | (1 << 14) | (1 << 15);

    /// <summary>Entry interruption information and what is like it: something is there.</summary>
    internal const ulong Valid = 1ul << 31;

    /// <summary>It pushes an error code.</summary>
    internal const ulong HasErrorCode = 1 << 11;

    /// <summary>What is injected: an NMI.</summary>
    internal const ulong Nmi = (2 << 8) | 2 | Valid;

    /// <summary>An exception of the processor's.</summary>
    internal const ulong Exception = 3 << 8;

    /// <summary>Interruptibility: after STI, after MOV SS.</summary>
    internal const ulong Shadows = 3;

    /// <summary>Interruptibility: an NMI is handled.</summary>
    internal const ulong BlockedByNmi = 1 << 3;

    /// <summary>Bits of CR0 that the guest's writes of are ours: PE, ET, NE, NW, CD, PG.</summary>
    internal const ulong Cr0Mask = 0xe000_0031;

    /// <summary>CR0.NE, at 1 whatever the guest has; NW and CD, at 0.</summary>
    internal const ulong NumericError = 1 << 5;
    internal const ulong CacheControls = 0x6000_0000;

    /// <summary>Bits of CR4 that the guest may use: VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE, OSXSAVE, SMEP, SMAP. All others are ours, and 0.</summary>
    internal const ulong Cr4Allowed = 0x0035_0fff;

    /// <summary>CR4.OSXSAVE.</summary>
    internal const ulong Cr4Xsave = 1 << 18;

    /// <summary>EFER: SCE, LME, LMA, NXE.</summary>
    internal const ulong EferAllowed = 0xd01;
}
