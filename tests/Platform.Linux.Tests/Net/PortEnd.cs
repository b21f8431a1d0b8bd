namespace Makatea.Platform.Linux.Tests;

/// <summary>A queue of a port with buffers of its own; received frames are gathered into one array.</summary>
internal sealed class PortEnd : IDisposable
{
    internal const int BufferLength = 2048;
    internal const int Depth = 256;
    private readonly NativeArray<byte> _memory = new(Depth * BufferLength);
    private readonly NativeArray<byte> _outgoing = new(70000);
    private readonly NativeArray<MemorySegment> _segments = new(64);
    private readonly NetReceived[] _received = new NetReceived[32];
    private readonly NetBuffer[] _one = new NetBuffer[1];
    private readonly DoorbellWaiter _waiter = new LinuxHost().CreateWaiter();

    internal PortEnd(NetPort port)
    {
        Port = port;
        Queue = port.OpenQueue(0, new NetQueueOptions { ReceiveBufferLength = BufferLength, ReceiveDepth = Depth });
        Queue.Listen(_waiter, 0, null!);
        for (int i = 0; i < Depth; i++)
        {
            Supply(i);
        }
    }

    internal NetPort Port { get; }

    internal NetQueue Queue { get; }

    /// <summary>Waits for frames and hands each, in one piece, to <paramref name="take"/>.</summary>
    internal void Receive(TimeSpan patience, Func<byte[], NetFrameOffload, bool> take)
    {
        long deadline = TimeProvider.System.GetTimestamp() + (long)(patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        var frame = new MemoryStream();
        while (true)
        {
            int count = Queue.Receive(_received);
            for (int i = 0; i < count; i++)
            {
                NetReceived part = _received[i];
                frame.Write(_memory.AsSpan(part.Tag * BufferLength, part.Length));
                Supply(part.Tag);
                if (!part.IsContinued)
                {
                    byte[] whole = frame.ToArray();
                    frame.SetLength(0);
                    if ((part.Offload.Flags & NetFrameFlags.Discarded) == 0 && take(whole, part.Offload))
                    {
                        return;
                    }
                }
            }

            if (TimeProvider.System.GetTimestamp() > deadline)
            {
                Assert.Fail("the frame that was waited for did not come");
            }

            if (count == 0 && Queue.Arm() is not BlockQueue.Ready and long at)
            {
                _waiter.Wait(Math.Min(at, deadline));
            }
        }
    }

    /// <summary>Sends one frame in pieces.</summary>
    internal void Send(ReadOnlySpan<byte> frame, NetFrameOffload offload = default, int piece = 1000)
    {
        frame.CopyTo(_outgoing.AsSpan());
        int count = 0;
        for (int at = 0; at < frame.Length; at += piece)
        {
            _segments[count++] = _outgoing.AsSegment(at, Math.Min(piece, frame.Length - at));
        }

        NetFrame[] frames = [new NetFrame { Data = ScatterList.Of(_segments, 0, count), Length = frame.Length, Tag = 7, Offload = offload }];
        Assert.Equal(1, Queue.Transmit(frames));

        // The kernel has it: what becomes of it now does not matter.
        Assert.True(Queue.CopiesFrames);
        _outgoing.AsSpan().Clear();
    }

    public void Dispose()
    {
        Queue.Dispose();
        _waiter.Dispose();
        Port.Dispose();
        _memory.Dispose();
        _outgoing.Dispose();
        _segments.Dispose();
    }

    private void Supply(int index)
    {
        _one[0] = new NetBuffer(_memory.AsSegment(index * BufferLength, BufferLength), index);
        Assert.Equal(1, Queue.Supply(_one));
    }
}
