namespace Makatea.Platform;

/// <summary>
/// A virtual processor. One thread at a time runs it and uses its members; <see cref="RequestExit"/> alone may be called from any thread, at any time before it is disposed.
/// </summary>
/// <remarks>
/// The loop around it: take an interrupt from the local APIC if <see cref="CanInjectInterrupt"/>, else ask for the window; <see cref="Run"/>; answer the exit. Nothing is allocated an exit.
/// What a guest does that is the processor's own business (CPUID, control registers, XSETBV, INVLPG) never gets here: the host answers it from what was set in advance.
/// </remarks>
public abstract class VirtualCpu : IDisposable
{
    /// <summary>Its number, which is its initial APIC ID.</summary>
    public abstract uint Id { get; }

    /// <summary>Runs the guest until there is something to answer.</summary>
    /// <returns>The exit, valid until the next call. A load or in that nobody answers reads as all ones; a RDMSR that nobody answers is refused.</returns>
    /// <exception cref="IOException">The host failed in a way that is not the guest's doing.</exception>
    public abstract ref readonly VmExit Run();

    /// <summary>
    /// Makes the guest exit: the <see cref="Run"/> under way, or else the next one, returns <see cref="VmExitKind.Cancelled"/> as soon as the exits under way have been answered. No
    /// request is lost, and those made before that exit coalesce. What was written to memory before the call is visible to the processor's thread after the exit.
    /// </summary>
    public abstract void RequestExit();

    /// <summary>Answers a load, in or RDMSR.</summary>
    /// <param name="value">The value; bits above the access's width do not matter.</param>
    public abstract void Complete(ulong value);

    /// <summary>Has a RDMSR or WRMSR end with a general-protection fault, #GP(0), instead.</summary>
    public abstract void Refuse();

    /// <summary>The bytes of the instruction at RIP as far as the host read them at the last exit; may be empty. Valid until the next <see cref="Run"/>.</summary>
    public virtual ReadOnlySpan<byte> Instruction => default;

    /// <summary>
    /// As of the last exit the guest takes interrupts (RFLAGS.IF, no shadow of STI or MOV SS, none injected already). False before the first <see cref="Run"/>,
    /// and from when registers or state are set until the next.
    /// </summary>
    public abstract bool CanInjectInterrupt { get; }

    /// <summary>Injects an external interrupt, taken at the next entry.</summary>
    /// <exception cref="InvalidOperationException">Not <see cref="CanInjectInterrupt"/>, which is false after this until the guest has run.</exception>
    public abstract void InjectInterrupt(byte vector);

    /// <summary>Asks for <see cref="VmExitKind.InterruptWindow"/> as soon as the guest takes interrupts. Asked anew before each <see cref="Run"/>.</summary>
    public abstract void RequestInterruptWindow();

    /// <summary>Injects an NMI: taken at the next entry, or when the guest has come back from the one that it is in.</summary>
    public abstract void InjectNmi();

    /// <summary>Injects a fault, taken at the next entry. A page fault's address is set in CR2 before.</summary>
    /// <param name="vector">0 to 31.</param>
    /// <param name="errorCode">Pushed where the exception has one ([SDM] 3A 6.15), else null.</param>
    public abstract void InjectException(byte vector, uint? errorCode);

    /// <summary>CR8, bits 7:4 of the local APIC's TPR: as of the last exit, and at the next entry. 0 to 15.</summary>
    public abstract byte TaskPriority { get; set; }

    /// <summary>Reads the general registers.</summary>
    public abstract void GetRegisters(out CpuRegisters registers);

    /// <summary>Sets the general registers. Not while an exit other than <see cref="VmExitKind.MemoryFault"/> and <see cref="VmExitKind.UnknownInstruction"/> awaits its next <see cref="Run"/>.</summary>
    public abstract void SetRegisters(in CpuRegisters registers);

    /// <summary>Reads segments, tables and control registers.</summary>
    public abstract void GetSystemRegisters(out CpuSystemRegisters registers);

    /// <summary>Sets segments, tables and control registers.</summary>
    /// <exception cref="IOException">The processor cannot have these.</exception>
    public abstract void SetSystemRegisters(in CpuSystemRegisters registers);

    /// <summary>Reads an MSR that the host keeps.</summary>
    /// <returns>False where the host does not know it.</returns>
    public abstract bool TryReadMsr(uint number, out ulong value);

    /// <summary>Writes an MSR that the host keeps.</summary>
    /// <returns>False where the host does not know it or refuses the value.</returns>
    public abstract bool TryWriteMsr(uint number, ulong value);

    /// <summary>What CPUID answers; a leaf that is not in the list answers as the processor does beyond its last. To be set before the first <see cref="Run"/>.</summary>
    /// <exception cref="IOException">The host refuses the table.</exception>
    public abstract void SetCpuid(ReadOnlySpan<CpuidEntry> entries);

    /// <summary>Frequency of the guest's time stamp counter in Hz; 0 where the host does not tell.</summary>
    public abstract ulong TscFrequency { get; }

    /// <summary>Sets the frequency of the guest's time stamp counter, in Hz, before the first <see cref="Run"/>.</summary>
    /// <returns>False where the processor cannot (<see cref="VirtualMachineInfo.CanScaleTsc"/>) and the frequency is not the host's.</returns>
    public abstract bool TrySetTscFrequency(ulong hertz);

    /// <summary>The guest's time stamp counter now, as it would read it.</summary>
    public abstract ulong Tsc { get; set; }

    /// <summary>Takes the whole state, for a snapshot. Only after <see cref="VmExitKind.Cancelled"/>, <see cref="VmExitKind.Halt"/> or before the first <see cref="Run"/>.</summary>
    /// <exception cref="InvalidOperationException">An exit is not complete.</exception>
    public abstract CpuState SaveState();

    /// <summary>Puts a saved state back, into a processor with the same CPUID.</summary>
    /// <exception cref="IOException">The host refuses part of it; the message says which.</exception>
    public abstract void RestoreState(CpuState state);

    /// <summary>Destroys the processor. Not while it runs.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Destroys the processor.</summary>
    protected abstract void Dispose(bool disposing);
}
