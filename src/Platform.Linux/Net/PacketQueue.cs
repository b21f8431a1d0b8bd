using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The queue of a packet socket: up to <see cref="KernelQueue.Batch"/> frames a system call.</summary>
internal sealed unsafe class PacketQueue : KernelQueue
{
    // struct cmsghdr and struct tpacket_auxdata, rounded up to 8.
    private const int ControlLength = 40;
    private const int AuxiliaryOffset = 16;

    private readonly NativeArray<Libc.BatchMessage> _messages = new(Batch);
    private readonly NativeArray<byte> _control = new(Batch * ControlLength);

    internal PacketQueue(KernelPort port, SafeFileHandle handle, NetQueueOptions options)
        : base(port, handle, options)
    {
    }

    private protected override int TransmitBatch(ReadOnlySpan<NetFrame> frames)
    {
        Libc.BatchMessage* messages = Messages();
        int done = 0;
        while (done < frames.Length)
        {
            int ready = 0;
            bool isRefused = false;
            while (done + ready < frames.Length && !isRefused)
            {
                int count = Prepare(frames[done + ready], ready, out MemorySegment* segments);
                isRefused = count == 0;
                if (!isRefused)
                {
                    messages[ready++].Header = new() { Segments = segments, SegmentCount = (nuint)count };
                }
            }

            int sent = Send(messages, frames.Slice(done, ready));
            done += sent;
            if (sent < ready)
            {
                break;
            }

            if (isRefused)
            {
                CountRefused();
                done++;
            }
        }

        return done;
    }

    private protected override int ReceiveBatchInto(int chains, MemorySegment* segments, Span<ReceivedFrame> last)
    {
        Libc.BatchMessage* messages = Messages();
        byte* control = (byte*)_control.AsSegment().Address;
        for (int i = 0; i < chains; i++)
        {
            messages[i].Header = new()
            {
                Segments = segments + (i * (ChainLength + 1)),
                SegmentCount = (nuint)(ChainLength + 1),
                Control = control + (i * ControlLength),
                ControlLength = ControlLength,
            };
        }

        int count = Libc.RecvMMsg(Descriptor, messages, (uint)chains, Libc.MSG_DONTWAIT, null);
        for (int i = 0; i < count; i++)
        {
            last[i] = new ReceivedFrame { Length = (int)messages[i].Length, IsWhole = (messages[i].Header.Flags & Libc.MSG_TRUNC) == 0 };
            Libc.ControlHeader* header = (Libc.ControlHeader*)(control + (i * ControlLength));
            if (messages[i].Header.ControlLength >= (nuint)(AuxiliaryOffset + sizeof(Libc.PacketAuxiliary)) && header->Level == Libc.SOL_PACKET && header->Type == Libc.PACKET_AUXDATA)
            {
                Libc.PacketAuxiliary* auxiliary = (Libc.PacketAuxiliary*)((byte*)header + AuxiliaryOffset);
                last[i].HasVlanTag = (auxiliary->Status & Libc.TP_STATUS_VLAN_VALID) != 0;
                last[i].VlanTag = auxiliary->VlanTag;
            }
        }

        return Math.Max(count, 0);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _messages.Dispose();
        _control.Dispose();
    }

    /// <returns>How many were sent, or refused and counted; fewer than there are where the kernel has no room now.</returns>
    private int Send(Libc.BatchMessage* messages, ReadOnlySpan<NetFrame> frames)
    {
        int done = 0;
        while (done < frames.Length)
        {
            int count = Libc.SendMMsg(Descriptor, messages + done, (uint)(frames.Length - done), Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL);
            if (count > 0)
            {
                for (int end = done + count; done < end; done++)
                {
                    CountSent(frames[done].Length);
                }

                continue;
            }

            switch (Marshal.GetLastSystemError())
            {
                case Errno.EINTR:
                    break;
                case Errno.EAGAIN:
                    return done;
                default:
                    CountRefused();
                    done++;
                    break;
            }
        }

        return done;
    }

    private Libc.BatchMessage* Messages() => (Libc.BatchMessage*)_messages.AsSegment().Address;
}
