namespace Makatea.Platform;

/// <summary>
/// A virtual machine: guest-physical memory and virtual processors, on whatever virtualisation the host has. Made by the composition root; control path throughout.
/// </summary>
public abstract class VirtualMachine : IDisposable
{
    /// <summary>What the host and its processor can do.</summary>
    public abstract VirtualMachineInfo Info { get; }

    /// <summary>Lists the MSRs that the guest uses directly. All others, and those of them that the host does not know, exit as <see cref="VmExitKind.ReadMsr"/> and <see cref="VmExitKind.WriteMsr"/>. Replaces what was listed; before that, none is.</summary>
    /// <exception cref="ArgumentException">A range is empty, wraps, or the ranges are spread too far for the host.</exception>
    public abstract void AllowMsrs(ReadOnlySpan<MsrPermission> permissions);

    /// <summary>Makes a processor in the state after reset ([SDM] 3A 10.1.1).</summary>
    /// <param name="id">Its initial APIC ID.</param>
    /// <exception cref="IOException">The host refuses it.</exception>
    public abstract VirtualCpu CreateCpu(uint id);

    /// <summary>
    /// Puts memory into the guest's address space, whole pages that overlap no others. Without <see cref="MemoryAccess.Write"/> a guest's write is an exit. May be called while the guest runs.
    /// The mapping must live until <see cref="Unmap"/> or the machine's end.
    /// </summary>
    /// <exception cref="IOException">The host refuses it.</exception>
    public abstract void Map(GuestMemoryRegion region);

    /// <summary>Takes memory out of the guest's address space. When this returns no processor uses it any more.</summary>
    /// <exception cref="ArgumentException">No region was mapped that starts at this address.</exception>
    public abstract void Unmap(ulong guestAddress);

    /// <summary>Has a guest's write ring a doorbell instead of making an exit, until the returned object is disposed. May be called while the guest runs.</summary>
    /// <exception cref="IOException">The host refuses it: the trigger is taken, or there are too many.</exception>
    public abstract IDisposable AttachDoorbell(DoorbellTrigger trigger, Doorbell doorbell);

    /// <summary>
    /// The clock that the host's virtualisation shows its guests beside their counters (kvm-clock), in nanoseconds; it never stops by itself. Set before processors run, or while they stand still, it goes on from there.
    /// </summary>
    /// <value>Null where there is no such clock; setting it is without effect then.</value>
    /// <exception cref="IOException">The host refuses.</exception>
    public virtual ulong? Clock
    {
        get => null;
        set => _ = value;
    }

    /// <summary>Destroys the machine. Its processors are disposed before.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Destroys the machine.</summary>
    protected abstract void Dispose(bool disposing);
}
