using Makatea.Platform;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>A queue as a careful user has it: it sleeps when there is nothing to do, keeps account of every tag, and gives buffers back at once.</summary>
internal sealed class ModelQueue : IDisposable
{
    private readonly ModelBed _bed;
    private readonly NetBuffer[] _buffers;
    private readonly bool[] _isSupplied;
    private readonly Queue<(byte[] Bytes, NetFrameOffload Offload)> _frames = new();
    private readonly List<byte> _parts = [];

    public ModelQueue(ModelBed bed, NetQueue queue, NetBuffer[] buffers)
    {
        _bed = bed;
        Queue = queue;
        _buffers = buffers;
        _isSupplied = new bool[buffers.Length];
        SupplyAll();
    }

    public NetQueue Queue { get; }

    /// <summary>Received frames that are kept for the next call.</summary>
    public int Waiting => _frames.Count;

    /// <summary>Buffers stay with the user while this is set.</summary>
    public bool Withholds { get; set; }

    /// <summary>Sends frames, and waits until each tag came back once.</summary>
    public void Send(params ReadOnlySpan<NetFrame> frames)
    {
        var away = new HashSet<int>();
        Span<int> tags = stackalloc int[64];
        long until = Environment.TickCount64 + 30_000;
        while (!frames.IsEmpty || away.Count > 0)
        {
            int taken = Queue.Transmit(frames);
            foreach (NetFrame frame in frames[..taken])
            {
                Assert.True(away.Add(frame.Tag));
            }

            frames = frames[taken..];
            int count = Queue.Reclaim(tags);
            foreach (int tag in tags[..count])
            {
                Assert.True(away.Remove(tag));
            }

            if (taken == 0 && count == 0)
            {
                Poll();
                _bed.Sleep(Queue);
                Assert.True(Environment.TickCount64 < until, $"{away.Count} frames were not sent in 30 s");
            }
        }
    }

    /// <summary>The next frame that arrived.</summary>
    public byte[] Receive(out NetFrameOffload offload)
    {
        long until = Environment.TickCount64 + 30_000;
        while (_frames.Count == 0)
        {
            Poll();
            if (_frames.Count == 0)
            {
                _bed.Sleep(Queue);
                Assert.True(Environment.TickCount64 < until, "no frame arrived in 30 s");
            }
        }

        (byte[] bytes, offload) = _frames.Dequeue();
        return bytes;
    }

    public byte[] Receive() => Receive(out _);

    /// <summary>Takes in what is there.</summary>
    public void Poll()
    {
        Span<NetReceived> received = stackalloc NetReceived[16];
        int count = Queue.Receive(received);
        foreach (NetReceived part in received[..count])
        {
            Assert.True(_isSupplied[part.Tag]);
            _isSupplied[part.Tag] = false;
            _parts.AddRange(_buffers[part.Tag].Memory.Slice(0, part.Length).AsSpan());
            if (!part.IsContinued)
            {
                _frames.Enqueue(([.. _parts], part.Offload));
                _parts.Clear();
            }
        }

        SupplyAll();
    }

    public void Dispose()
    {
        _bed.Forget(Queue);
        Queue.Dispose();
    }

    private void SupplyAll()
    {
        NetBuffer[] free = Withholds ? [] : [.. _buffers.Where(b => !_isSupplied[b.Tag])];
        int count = free.Length == 0 ? 0 : Queue.Supply(free);
        foreach (NetBuffer buffer in free.AsSpan(0, count))
        {
            _isSupplied[buffer.Tag] = true;
        }
    }
}
