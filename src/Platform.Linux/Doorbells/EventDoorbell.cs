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
        PeerCalls calls = StallGuard.OfThisThread;
        calls.Begin();
        try
        {
            return Libc.Write(handle, &nothing, sizeof(ulong)) == sizeof(ulong);
        }
        finally
        {
            calls.End();
        }
    }

    /// <inheritdoc/>
    public override void Ring()
    {
        // Whatever goes wrong is no news to the ringer: a full count means that the peer has been woken and did not look.
        //
        // This is an ordinary call, not one with SuppressGCTransition: a peer can make it wait, see StallGuard. That must not stop the garbage collector.
        ulong one = 1;
        RingWith(&one, sizeof(ulong));
    }
}
