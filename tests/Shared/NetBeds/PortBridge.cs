using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Tests.Net;

/// <summary>Carries all frames between two ports, with their offload metadata, on a thread of its own.</summary>
internal sealed class PortBridge : IDisposable
{
    private const int BufferLength = 2048;
    private const int Depth = 1024;
    private const int MostTries = 2000;
    private readonly Side _a;
    private readonly Side _b;
    private readonly DoorbellWaiter _waiter;
    private readonly Doorbell _stop;
    private readonly Thread _thread;
    private volatile bool _isStopped;

    internal PortBridge(NetPort a, NetPort b, bool spoilLengths = false)
    {
        var host = new LinuxHost();
        _waiter = host.CreateWaiter();
        _stop = host.CreateDoorbell();
        _waiter.Add(_stop, 63);
        _a = new Side(a, _waiter, 0, _stop, spoilLengths);
        _b = new Side(b, _waiter, 1, _stop, spoilLengths);
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Frames carried from one side to the other, and those of them that were to be cut, by what they were.</summary>
    internal (long Frames, NetFrameFlags Seen) FromA => (_a.Frames, _a.Seen);

    internal (long Frames, NetFrameFlags Seen) FromB => (_b.Frames, _b.Seen);

    /// <summary>Bytes that the loop allocated after it warmed up.</summary>
    internal long Allocated { get; private set; }

    public void Dispose()
    {
        _isStopped = true;
        _stop.Ring();
        _thread.Join();
        _a.Dispose();
        _b.Dispose();
        _waiter.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        long allocated = 0;
        for (int turn = 0; !_isStopped; turn++)
        {
            if (turn == 1000)
            {
                allocated = GC.GetAllocatedBytesForCurrentThread();
            }

            bool moved = _a.MoveTo(_b) | _b.MoveTo(_a);
            if (!moved)
            {
                long at = Math.Min(_a.Queue.Arm(), _b.Queue.Arm());
                if (at != BlockQueue.Ready)
                {
                    _waiter.Wait(at);
                }
            }

            Allocated = turn > 1000 ? GC.GetAllocatedBytesForCurrentThread() - allocated : 0;
        }
    }

    private sealed class Side : IDisposable
    {
        private readonly NetPort _port;
        private readonly bool _spoil;
        private readonly NativeArray<byte> _memory = new(Depth * BufferLength);
        private readonly NativeArray<MemorySegment> _parts = new(64);
        private readonly int[] _partTags = new int[64];
        private readonly NetReceived[] _received = new NetReceived[32];
        private readonly NetFrame[] _frame = new NetFrame[1];
        private readonly NetBuffer[] _buffer = new NetBuffer[1];
        private readonly int[] _tags = new int[32];
        private int _count;
        private int _length;

        internal Side(NetPort port, DoorbellWaiter waiter, int bit, Doorbell wake, bool spoil)
        {
            _port = port;
            _spoil = spoil;
            Queue = port.OpenQueue(0, new NetQueueOptions { ReceiveBufferLength = BufferLength, ReceiveDepth = Depth });
            Queue.Listen(waiter, bit, wake);
            for (int i = 0; i < Depth; i++)
            {
                Supply(i);
            }
        }

        internal NetQueue Queue { get; }

        internal long Frames { get; private set; }

        internal NetFrameFlags Seen { get; private set; }

        internal bool MoveTo(Side other)
        {
            int received = Queue.Receive(_received);
            for (int i = 0; i < received; i++)
            {
                ref NetReceived part = ref _received[i];
                _partTags[_count] = part.Tag;
                _parts[_count++] = _memory.AsSegment(part.Tag * BufferLength, part.Length);
                _length += part.Length;
                if (part.IsContinued)
                {
                    continue;
                }

                Frames++;
                Seen |= part.Offload.Flags;
                if (_spoil && (part.Offload.Flags & (NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6 | NetFrameFlags.SegmentUdp4 | NetFrameFlags.SegmentUdp6)) != 0)
                {
                    Spoil(_parts[0].AsSpan(), part.Offload);
                }

                _frame[0] = new NetFrame { Data = ScatterList.Of(_parts, 0, _count), Length = _length, Offload = part.Offload };
                // A queue that is full for long belongs to a device that died; its thread has to get to the changes that are posted to it.
                for (int tries = 0; other.Queue.Transmit(_frame) == 0 && tries < MostTries; tries++)
                {
                    other.Reclaim();
                    Thread.Yield();
                }

                other.Reclaim();
                for (int p = 0; p < _count; p++)
                {
                    Supply(_partTags[p]);
                }

                _count = _length = 0;
            }

            return received != 0;
        }

        public void Dispose()
        {
            Queue.Dispose();
            _port.Dispose();
            _memory.Dispose();
            _parts.Dispose();
        }

        private void Reclaim()
        {
            while (Queue.Reclaim(_tags) > 0)
            {
            }
        }

        /// <summary>Takes away what the contract says that it need not be right.</summary>
        private static void Spoil(Span<byte> frame, in NetFrameOffload offload)
        {
            if ((offload.Flags & (NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentUdp4)) != 0)
            {
                frame.Slice(16, 2).Fill(0x5a);
                frame.Slice(24, 2).Fill(0xa5);
            }
            else
            {
                frame.Slice(18, 2).Fill(0x5a);
            }

            frame.Slice(offload.ChecksumStart + offload.ChecksumOffset, 2).Fill(0x77);
        }

        private void Supply(int index)
        {
            _buffer[0] = new NetBuffer(_memory.AsSegment(index * BufferLength, BufferLength), index);
            if (Queue.Supply(_buffer) != 1)
            {
                throw new InvalidOperationException("the queue takes no buffer back");
            }
        }
    }
}
