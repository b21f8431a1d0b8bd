using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A doorbell on one end of a pipe, as QEMU makes them where it has no eventfd: rings are bytes. The end that writes can be rung and the
/// end that reads can be waited for; the other use does nothing.
/// </summary>
internal sealed unsafe class PipeDoorbell(SafeFileHandle handle) : LinuxDoorbell(handle)
{
    /// <inheritdoc/>
    public override void Ring()
    {
        byte one = 1;
        RingWith(&one, 1);
    }

    /// <inheritdoc/>
    internal override void Clear()
    {
        // RWF_NOWAIT, because the peer can clear O_NONBLOCK; where the kernel does not have it for pipes (before 6.4), the guard ends a read that the peer
        // made wait. Once is enough: what is left after 4096 bytes rings again with the next byte.
        if (IsStalled)
        {
            return;
        }

        byte* buffer = stackalloc byte[4096];
        MemorySegment segment = MemorySegment.UnsafeCreate((nint)buffer, 4096);
        PeerCalls calls = StallGuard.OfThisThread;
        calls.Begin();
        try
        {
            if (Libc.PReadV2(Handle, &segment, 1, -1, Libc.RWF_NOWAIT) < 0 && Errno.Last == Errno.EOPNOTSUPP)
            {
                IsStalled = Libc.Read(Handle, buffer, 4096) < 0 && Errno.Last == Errno.EINTR;
            }
        }
        catch (ObjectDisposedException)
        {
            // Removed and disposed by another thread since the waiter saw the ring.
        }
        finally
        {
            calls.End();
        }
    }
}
