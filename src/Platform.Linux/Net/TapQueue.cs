using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The queue of a TAP device: one system call a frame, there is no other way.</summary>
internal sealed unsafe class TapQueue(KernelPort port, SafeFileHandle handle, NetQueueOptions options) : KernelQueue(port, handle, options)
{
    private protected override int TransmitBatch(ReadOnlySpan<NetFrame> frames)
    {
        int done = 0;
        foreach (ref readonly NetFrame frame in frames)
        {
            int count = Prepare(frame, 0, out MemorySegment* segments);
            nint written = count == 0 ? 0 : Libc.WriteV(Descriptor, segments, count);
            if (written < 0 && Marshal.GetLastSystemError() == Errno.EAGAIN)
            {
                break;
            }

            if (written == VnetHeader.Length + frame.Length)
            {
                CountSent(frame.Length);
            }
            else
            {
                CountRefused();
            }

            done++;
        }

        return done;
    }

    private protected override int ReceiveBatchInto(int chains, MemorySegment* segments, Span<ReceivedFrame> last)
    {
        int count = 0;
        for (; count < chains; count++)
        {
            nint read = Libc.ReadV(Descriptor, segments + (count * (ChainLength + 1)), ChainLength + 1);
            if (read <= 0)
            {
                break;
            }

            last[count] = new ReceivedFrame { Length = (int)read, IsWhole = true };
        }

        return count;
    }
}
