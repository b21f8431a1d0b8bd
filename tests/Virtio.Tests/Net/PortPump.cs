using System.Collections.Concurrent;
using Makatea.Platform;

namespace Makatea.Virtio.Tests.Net;

/// <summary>A thread that has a port's queue, as a forwarding thread does: sleeps at its doorbells, and takes and gives one frame at a time.</summary>
internal sealed class PortPump : IDisposable
{
    private const int Buffers = 64;
    private const int Length = 2048;
    private readonly NativeArray<byte> _memory = new(Buffers * Length);
    private readonly NativeArray<byte> _frame = new(1 << 17);
    private readonly NativeArray<MemorySegment> _piece = new(1);
    private readonly BlockingCollection<(byte[] Frame, NetFrameOffload Offload)> _received = [];
    private readonly ConcurrentQueue<(byte[] Frame, NetFrameOffload Offload)> _toSend = new();
    private readonly NetQueue _queue;
    private readonly Doorbell _wake = TestHosts.Linux.CreateDoorbell();
    private readonly DoorbellWaiter _waiter = TestHosts.Linux.CreateWaiter();
    private readonly Thread _thread;
    private volatile bool _stopping;

    public PortPump(NetPort port)
    {
        _queue = port.OpenQueue(0, new NetQueueOptions { ReceiveDepth = Buffers, TransmitDepth = 4, ReceiveBufferLength = Length });
        for (int i = 0; i < Buffers; i++)
        {
            Assert.Equal(1, _queue.Supply([new NetBuffer(_memory.AsSegment(i * Length, Length), i)]));
        }

        _waiter.Add(_wake, 0);
        _queue.Listen(_waiter, 1, _wake);
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public void Send(byte[] frame, NetFrameOffload offload)
    {
        _toSend.Enqueue((frame, offload));
        _wake.Ring();
    }

    public byte[] Receive(out NetFrameOffload offload)
    {
        Assert.True(_received.TryTake(out (byte[] Frame, NetFrameOffload Offload) received, TimeSpan.FromSeconds(20)), "nothing was received");
        offload = received.Offload;
        return received.Frame;
    }

    public void Dispose()
    {
        _stopping = true;
        _wake.Ring();
        _thread.Join();
        _queue.Dispose();
        _waiter.Dispose();
        _wake.Dispose();
        _memory.Dispose();
        _frame.Dispose();
        _piece.Dispose();
        _received.Dispose();
    }

    private void Run()
    {
        NetReceived[] parts = new NetReceived[8];
        List<byte> bytes = [];
        while (!_stopping)
        {
            int count = _queue.Receive(parts);
            foreach (NetReceived part in parts.AsSpan(0, count))
            {
                bytes.AddRange(_memory.AsSpan(part.Tag * Length, part.Length));
                _queue.Supply([new NetBuffer(_memory.AsSegment(part.Tag * Length, Length), part.Tag)]);
                if (!part.IsContinued)
                {
                    _received.Add(([.. bytes], part.Offload));
                    bytes.Clear();
                }
            }

            if (_toSend.TryPeek(out (byte[] Frame, NetFrameOffload Offload) next))
            {
                next.Frame.CopyTo(_frame.AsSpan());
                _piece[0] = _frame.AsSegment(0, next.Frame.Length);
                if (_queue.Transmit([new NetFrame { Data = ScatterList.Of(_piece, 0, 1), Length = next.Frame.Length, Offload = next.Offload }]) == 1)
                {
                    _toSend.TryDequeue(out _);
                }
            }
            else if (count == 0)
            {
                long deadline = _queue.Arm();
                if (deadline != BlockQueue.Ready)
                {
                    _waiter.Wait(deadline);
                }
            }
        }
    }
}
