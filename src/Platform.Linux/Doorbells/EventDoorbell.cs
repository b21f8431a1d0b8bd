using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A doorbell on an eventfd.</summary>
/// <remarks>
/// Nobody here reads the eventfd: the waiter is told of every write, whatever the count, and saves a system call for each wake-up. vhost in the kernel
/// does the same.
/// </remarks>
internal sealed unsafe class EventDoorbell(SafeFileHandle handle) : LinuxDoorbell(handle)
{
    /// <summary>Makes one of our own.</summary>
    internal static EventDoorbell Create() =>
        new(LinuxError.Descriptor(Libc.EventFd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK), "cannot make a doorbell", "eventfd"));

    /// <summary>
    /// Whether an anonymous descriptor is an eventfd: of those, only an eventfd takes a write of 8 zero bytes, which add nothing to its count.
    /// (Its name is in /proc, which a component does not have.)
    /// </summary>
    internal static bool IsEventFd(SafeFileHandle handle)
    {
        ulong nothing = 0;
        return Libc.Write(handle, &nothing, sizeof(ulong)) == sizeof(ulong);
    }

    /// <inheritdoc/>
    public override void Ring()
    {
        // Whatever goes wrong is no news to the ringer: a full count means that the peer has been woken and did not look.
        //
        // This is an ordinary call, not one with SuppressGCTransition: the flag that keeps it from blocking is shared with the peer, who can
        // clear it and fill the count. That must stop this thread alone and not the garbage collector.
        ulong one = 1;
        _ = Libc.Write(Handle, &one, sizeof(ulong));
    }
}
