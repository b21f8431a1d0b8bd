using Makatea.Platform;

namespace Makatea.Tests.Net;

/// <summary>The queue of a <see cref="MemoryPort"/>.</summary>
internal sealed class MemoryQueue(MemoryPort port) : NetQueue
{
    private readonly Queue<(byte[] Bytes, NetFrameOffload Offload)> _arriving = new();
    private readonly Queue<NetBuffer> _buffers = new();
    private readonly Queue<int> _done = new();
    private readonly List<int> _held = [];
    private Doorbell? _wake;
    private int _position;

    public override Doorbell? Events => null;

    public NetQueueOptions Options { get; private set; } = new();

    public MemoryPort Port => port;

    public bool IsClosed { get; private set; }

    /// <summary>What was sent, where it is kept.</summary>
    public List<SentFrame> Sent { get; } = [];

    /// <summary>Whether what is sent is kept; else it is only counted, and nothing is allocated.</summary>
    public bool KeepsSent { get; set; } = true;

    /// <summary>Frames that were sent.</summary>
    public long SentCount { get; private set; }

    /// <summary>It copies, unless it holds frames.</summary>
    public override bool CopiesFrames => !HoldsFrames;

    /// <summary>Frames that are taken are not given back before <see cref="CompleteHeld"/>, as those on a wire. To be said before the queue is used.</summary>
    public bool HoldsFrames { get; set; }

    /// <summary>Room for frames to be sent.</summary>
    public int Room { get; set; } = int.MaxValue;

    /// <summary>Buffers that wait for frames.</summary>
    public int Buffers => _buffers.Count;

    /// <summary>Flags of the parts that arrive next; for what only a broken adapter does.</summary>
    public Func<NetReceived, NetReceived>? Alter { get; set; }

    public void Open(NetQueueOptions options)
    {
        Options = options;
        IsClosed = false;
    }

    /// <summary>Has a frame arrive.</summary>
    public void Arrive(byte[] frame, NetFrameOffload offload = default)
    {
        lock (_arriving)
        {
            _arriving.Enqueue((frame, offload));
        }

        _wake?.Ring();
    }

    public int Arriving => _arriving.Count;

    /// <summary>Has the oldest of what is held be sent, which makes room for as many.</summary>
    public void Complete(int count)
    {
        count = Math.Min(count, _held.Count);
        _held.GetRange(0, count).ForEach(_done.Enqueue);
        _held.RemoveRange(0, count);
        Room += count;
    }

    /// <summary>Takes back what did not arrive yet.</summary>
    public void Clear()
    {
        lock (_arriving)
        {
            _arriving.Clear();
        }
    }

    public void CompleteHeld()
    {
        _held.ForEach(_done.Enqueue);
        _held.Clear();
    }

    public override void Listen(DoorbellWaiter waiter, int bit, Doorbell wake) => _wake = wake;

    public override int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        int count = Math.Min(frames.Length, Room);
        foreach (ref readonly NetFrame frame in frames[..count])
        {
            if (KeepsSent)
            {
                Sent.Add(new(frame));
            }

            SentCount++;
            if (HoldsFrames)
            {
                _held.Add(frame.Tag);
                Room--;
            }
        }

        return count;
    }

    public override int Reclaim(Span<int> tags)
    {
        int count = 0;
        while (count < tags.Length && _done.TryDequeue(out int tag))
        {
            tags[count++] = tag;
        }

        return count;
    }

    public override int Supply(ReadOnlySpan<NetBuffer> buffers)
    {
        int count = 0;
        while (count < buffers.Length && _buffers.Count < Options.ReceiveDepth)
        {
            _buffers.Enqueue(buffers[count++]);
        }

        return count;
    }

    public override int Receive(Span<NetReceived> frames)
    {
        int count = 0;
        lock (_arriving)
        {
            while (count < frames.Length && _arriving.TryPeek(out (byte[] Bytes, NetFrameOffload Offload) arriving) && _buffers.TryDequeue(out NetBuffer buffer))
            {
                int length = Math.Min(arriving.Bytes.Length - _position, buffer.Memory.Length);
                arriving.Bytes.AsSpan(_position, length).CopyTo(buffer.Memory.AsSpan());
                _position += length;
                bool isLast = _position == arriving.Bytes.Length;
                NetReceived received = new() { Tag = buffer.Tag, Length = length, IsContinued = !isLast, Offload = isLast ? arriving.Offload : default };
                frames[count++] = Alter?.Invoke(received) ?? received;
                if (isLast)
                {
                    _arriving.Dequeue();
                    _position = 0;
                }
            }
        }

        return count;
    }

    public override long Arm()
    {
        lock (_arriving)
        {
            return (_arriving.Count != 0 && _buffers.Count != 0) || _done.Count != 0 ? BlockQueue.Ready : DoorbellWaiter.Forever;
        }
    }

    protected override void Dispose(bool disposing)
    {
        IsClosed = true;
        _buffers.Clear();
        _done.Clear();
        _held.Clear();
    }
}

/// <summary>A frame that was sent.</summary>
internal sealed class SentFrame
{
    public SentFrame(in NetFrame frame)
    {
        Bytes = new byte[frame.Length];
        Offload = frame.Offload;
        Parts = frame.Data.Count;
        Span<byte> to = Bytes;
        foreach (MemorySegment segment in frame.Data.AsSpan())
        {
            segment.AsSpan().CopyTo(to);
            to = to[segment.Length..];
        }

        if (to.Length != 0)
        {
            throw new InvalidOperationException($"a frame of {frame.Length} bytes with parts of {frame.Length - to.Length}");
        }
    }

    public byte[] Bytes { get; }

    public NetFrameOffload Offload { get; }

    public int Parts { get; }
}
