namespace Makatea.Platform;

/// <summary>Why a virtual processor stopped running its guest.</summary>
public enum VmExitKind : byte
{
    /// <summary>
    /// <see cref="VirtualCpu.RequestExit"/> was called. Everything before is answered and complete: the processor's state is that between two instructions.
    /// </summary>
    Cancelled,

    /// <summary>An access to the I/O port <see cref="VmExit.Address"/>. A string instruction arrives as one exit an element.</summary>
    Port,

    /// <summary>
    /// An access to guest-physical memory at <see cref="VmExit.Address"/> where none is mapped, or a write where only reads are allowed, decoded by the host:
    /// it moves <see cref="VmExit.Width"/> bytes.
    /// </summary>
    Mmio,

    /// <summary>
    /// The same, not decoded (seL4's EPT violation): the instruction at RIP has not run. Whoever answers decodes it, moves the data and sets the registers, RIP included, or
    /// maps memory there, and runs again.
    /// </summary>
    MemoryFault,

    /// <summary>RDMSR of <see cref="VmExit.Address"/>, which is left to the VMM.</summary>
    ReadMsr,

    /// <summary>WRMSR of <see cref="VmExit.Value"/> to <see cref="VmExit.Address"/>, which is left to the VMM. Done unless refused.</summary>
    WriteMsr,

    /// <summary>HLT, complete: the guest goes on after it when it is run again, which should be when there is an interrupt for it.</summary>
    Halt,

    /// <summary>The window that <see cref="VirtualCpu.RequestInterruptWindow"/> asked for is open: an interrupt can be injected.</summary>
    InterruptWindow,

    /// <summary>The guest lowered its task priority by CR8: an interrupt that waited may be due.</summary>
    TaskPriorityLowered,

    /// <summary>Triple fault: the processor has shut down until it is reset.</summary>
    Shutdown,

    /// <summary>The host tells of a system event of its own kind, <see cref="VmExit.Value"/>.</summary>
    SystemEvent,

    /// <summary>
    /// The host's own decoder does not know the instruction at RIP, which has not run. <see cref="VirtualCpu.Instruction"/> has its bytes where the host read them.
    /// </summary>
    UnknownInstruction,

    /// <summary>The processor refused to enter the guest; <see cref="VmExit.Value"/> is its reason. The guest's state is impossible: stop it.</summary>
    EntryFailure,

    /// <summary>The host cannot go on with this guest; <see cref="VmExit.Value"/> is its reason. Stop it.</summary>
    HostFailure,
}
