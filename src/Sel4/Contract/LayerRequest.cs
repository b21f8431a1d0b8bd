namespace Makatea.Sel4;

/// <summary>
/// What a program asks of the Linux ABI layer beyond Linux: numbers of system calls, as <c>syscall(2)</c> of the C library takes them. Errors are negative errno values, as Linux returns them.
/// </summary>
public enum LayerRequest
{
    /// <summary>Zeroed memory whose pages a device may reach (bytes, whole pages). Result: its address. It is given back by munmap.</summary>
    AllocateDma = 0x1000,

    /// <summary>Lets a function reach memory: number of the function's grant, address, bytes, device address, access (1 read, 2 write). Whole pages, of <see cref="AllocateDma"/> or of a region that devices may reach.</summary>
    MapDma,

    /// <summary>Takes it out of reach: number of the function's grant, device address, bytes.</summary>
    UnmapDma,

    /// <summary>Signals a waiter with bit 63 at a time: its number, nanoseconds of CLOCK_MONOTONIC, or 0 for never.</summary>
    SetTimer,

    /// <summary>Address of the routine that makes a system call of the kernel: <c>void (KernelRegisters *)</c>. It is not rewritten, and the layer knows a thread that it interrupts inside.</summary>
    KernelRoutine,

    /// <summary>Has this thread enter a guest from now on: number of the guest's grant (<see cref="GrantKind.Guest"/>). It has the guest's IPC buffer, and the guest's notification brings it back.</summary>
    BindGuest,
}
