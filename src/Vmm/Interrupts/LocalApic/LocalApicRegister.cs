namespace Makatea.Vmm;

/// <summary>
/// Registers of a local APIC: offsets in its page in xAPIC mode ([SDM] volume 3, table 11-1); in x2APIC mode 0x800 and a sixteenth of that is the MSR (table 11-6). Each is 32 bits, of
/// which nothing else is in its 16 bytes.
/// </summary>
internal static class LocalApicRegister
{
    public const uint Id = 0x020;
    public const uint Version = 0x030;
    public const uint TaskPriority = 0x080;
    public const uint ProcessorPriority = 0x0a0;
    public const uint EndOfInterrupt = 0x0b0;
    public const uint LogicalDestination = 0x0d0;

    /// <summary>xAPIC alone.</summary>
    public const uint DestinationFormat = 0x0e0;
    public const uint SpuriousVector = 0x0f0;

    /// <summary>Eight registers of 32 vectors each; so are the two after it.</summary>
    public const uint InService = 0x100;
    public const uint TriggerMode = 0x180;
    public const uint Requested = 0x200;
    public const uint ErrorStatus = 0x280;

    /// <summary>All 64 bits of it in x2APIC mode.</summary>
    public const uint Command = 0x300;

    /// <summary>xAPIC alone.</summary>
    public const uint CommandHigh = 0x310;

    /// <summary>Timer, thermal, performance, LINT0, LINT1, error: <see cref="LocalVectorCount"/> of them.</summary>
    public const uint LocalVectors = 0x320;
    public const uint TimerVector = 0x320;
    public const uint ErrorVector = 0x370;
    public const int LocalVectorCount = 6;
    public const uint InitialCount = 0x380;
    public const uint CurrentCount = 0x390;
    public const uint DivideConfiguration = 0x3e0;

    /// <summary>x2APIC alone.</summary>
    public const uint SelfInterrupt = 0x3f0;
}

/// <summary>MSRs of a local APIC.</summary>
public static class LocalApicMsr
{
    /// <summary>IA32_APIC_BASE ([SDM] volume 3, figure 11-26).</summary>
    public const uint Base = 0x1b;

    /// <summary>IA32_TSC_DEADLINE ([SDM] volume 3, 11.5.4.1).</summary>
    public const uint TscDeadline = 0x6e0;

    /// <summary>First of those of x2APIC mode.</summary>
    public const uint FirstExtended = 0x800;

    /// <summary>Last of those reserved for x2APIC mode.</summary>
    public const uint LastExtended = 0x8ff;

    /// <summary>IA32_APIC_BASE: the bootstrap processor.</summary>
    public const ulong BaseIsBootstrap = 1 << 8;

    /// <summary>IA32_APIC_BASE: x2APIC mode.</summary>
    public const ulong BaseIsExtended = 1 << 10;

    /// <summary>IA32_APIC_BASE: the APIC is on.</summary>
    public const ulong BaseIsEnabled = 1 << 11;
}

/// <summary>Bits of the local vector table and of the spurious-interrupt vector register.</summary>
internal static class LocalVectorBits
{
    public const uint Masked = 1 << 16;
    public const int TimerModeShift = 17;
    public const uint SoftwareEnabled = 1 << 8;
    public const uint NoEndBroadcast = 1 << 12;

    /// <summary>What can be written of each entry: timer; thermal and performance; the two pins; error.</summary>
    public static ReadOnlySpan<uint> Writable => [0x0007_00ff, 0x0001_07ff, 0x0001_07ff, 0x0001_a7ff, 0x0001_a7ff, 0x0001_00ff];
}

/// <summary>Errors of a local APIC ([SDM] volume 3, figure 11-9).</summary>
internal static class LocalApicError
{
    public const uint SendIllegalVector = 1 << 5;
    public const uint ReceiveIllegalVector = 1 << 6;
    public const uint IllegalRegister = 1 << 7;
}
