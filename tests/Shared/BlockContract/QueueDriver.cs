using System.Diagnostics;
using Makatea.Platform;

namespace Makatea.BlockContract;

/// <summary>
/// The user's side of one <see cref="BlockQueue"/> in tests: keeps the user's promises (tags, depth, lifetimes) and checks the queue's: a completion for each request,
/// once, and no byte written outside the scatter lists.
/// </summary>
public sealed class QueueDriver : IDisposable
{
    /// <summary>Most bytes of one request.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Most segments of one request.</summary>
    public const int MaxSegments = 32;

    private const byte Canary = 0xEE;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly NativeArray<byte> _buffers;
    private readonly NativeArray<MemorySegment> _segments;
    private readonly BlockRequest[] _requests;
    private readonly bool[] _outstanding;
    private readonly int[] _extents;
    private readonly DoorbellWaiter? _waiter;
    private readonly int _stride;

    public QueueDriver(BlockDevice device, int depth, ComponentHost? host = null)
    {
        Queue = device.OpenQueue(depth);
        Depth = depth;
        _stride = MaxBytes * 2;
        _buffers = new NativeArray<byte>(depth * _stride);
        _segments = new NativeArray<MemorySegment>(depth * MaxSegments);
        _requests = new BlockRequest[depth];
        _outstanding = new bool[depth];
        _extents = new int[depth];
        if (Queue.Completions is { } doorbell)
        {
            _waiter = (host ?? throw new InvalidOperationException("the device needs a host to wait for its doorbell")).CreateWaiter();
            _waiter.Add(doorbell, 0);
        }
    }

    public BlockQueue Queue { get; }

    public int Depth { get; }

    public int Outstanding { get; private set; }

    /// <summary>A tag that is not outstanding, or -1.</summary>
    public int FreeTag()
    {
        return Outstanding == Depth ? -1 : Array.IndexOf(_outstanding, false);
    }

    public bool IsFree(int tag) => !_outstanding[tag];

    /// <summary>Makes a request whose data lies in pieces of any length (where <paramref name="random"/> is given) with canaries between them.</summary>
    public BlockRequest Prepare(int tag, BlockOperation operation, ulong sector, uint sectorCount, Random? random = null)
    {
        Assert.False(_outstanding[tag]);
        var request = new BlockRequest { Tag = tag, Operation = operation, Sector = sector, SectorCount = sectorCount };
        if (operation is BlockOperation.Read or BlockOperation.Write)
        {
            int left = checked((int)(sectorCount * BlockDevice.SectorSize));
            int offset = tag * _stride;
            int count = 0;
            while (left > 0)
            {
                bool last = random is null || count == MaxSegments - 1;
                int length = last ? left : Math.Min(left, Pick(random!));
                offset += random?.Next(0, 64) ?? 0;
                _segments[(tag * MaxSegments) + count++] = _buffers.AsSegment(offset, length);
                offset += length;
                left -= length;
            }

            _extents[tag] = Math.Min(offset + 64, (tag + 1) * _stride) - (tag * _stride);
            _buffers.AsSpan(tag * _stride, _extents[tag]).Fill(Canary);
            request.Data = ScatterList.Of(_segments, tag * MaxSegments, count);
        }

        _requests[tag] = request;
        return request;
    }

    public BlockRequest RequestOf(int tag) => _requests[tag];

    /// <summary>Copies into the request's segments.</summary>
    public void SetData(int tag, ReadOnlySpan<byte> data)
    {
        foreach (ref readonly MemorySegment segment in _requests[tag].Data.AsSpan())
        {
            data[..segment.Length].CopyTo(segment.AsSpan());
            data = data[segment.Length..];
        }
    }

    /// <summary>Copies from the request's segments and checks that nothing around them changed.</summary>
    public byte[] GetData(int tag)
    {
        byte[] data = new byte[_requests[tag].Data.TotalLength()];
        Span<byte> left = data;
        byte[] around = _buffers.AsSpan(tag * _stride, _extents[tag]).ToArray();
        foreach (ref readonly MemorySegment segment in _requests[tag].Data.AsSpan())
        {
            segment.AsSpan().CopyTo(left);
            left = left[segment.Length..];
            around.AsSpan((int)(segment.Address - _buffers.AsSegment(tag * _stride, 1).Address), segment.Length).Fill(Canary);
        }

        Assert.True(around.AsSpan().IndexOfAnyExcept(Canary) < 0, "bytes around the scatter list were written");
        return data;
    }

    public void Submit(params ReadOnlySpan<BlockRequest> requests)
    {
        foreach (ref readonly BlockRequest request in requests)
        {
            Assert.False(_outstanding[request.Tag]);
            _outstanding[request.Tag] = true;
            Outstanding++;
        }

        Queue.Submit(requests);
    }

    public int Poll(Span<BlockCompletion> completions)
    {
        int count = Queue.Poll(completions);
        Assert.InRange(count, 0, completions.Length);
        foreach (BlockCompletion completion in completions[..count])
        {
            Assert.InRange(completion.Tag, 0, Depth - 1);
            Assert.True(_outstanding[completion.Tag], $"tag {completion.Tag} completed and was not outstanding");
            _outstanding[completion.Tag] = false;
            Outstanding--;
        }

        return count;
    }

    /// <summary>Sleeps as a worker does until completions may wait.</summary>
    public void Wait()
    {
        long deadline = Queue.Arm();
        if (deadline == BlockQueue.Ready)
        {
            return;
        }

        long patience = Stopwatch.GetTimestamp() + (long)(Patience.TotalSeconds * Stopwatch.Frequency);
        if (_waiter is not null)
        {
            ulong rung = _waiter.Wait(Math.Min(deadline, patience));
            Assert.True(rung != 0 || deadline < patience, $"{Outstanding} requests are outstanding, and nothing rang for {Patience}");
            return;
        }

        Assert.True(deadline < patience, $"{Outstanding} requests are outstanding, and no doorbell or deadline will tell of them");
        while (Stopwatch.GetTimestamp() < deadline)
        {
            Thread.Yield();
        }
    }

    /// <summary>Waits until nothing is outstanding.</summary>
    public void Drain(Action<BlockCompletion>? completed = null)
    {
        Span<BlockCompletion> completions = stackalloc BlockCompletion[16];
        long giveUp = Stopwatch.GetTimestamp() + (long)(Patience.TotalSeconds * Stopwatch.Frequency);
        while (Outstanding > 0)
        {
            int count = Poll(completions);
            foreach (BlockCompletion completion in completions[..count])
            {
                completed?.Invoke(completion);
            }

            if (count == 0)
            {
                Assert.True(Stopwatch.GetTimestamp() < giveUp, $"{Outstanding} requests did not complete");
                Wait();
            }
        }
    }

    /// <summary>Does one request and waits for it.</summary>
    public BlockStatus Execute(BlockOperation operation, ulong sector, uint sectorCount, Span<byte> data = default)
    {
        int tag = FreeTag();
        BlockRequest request = Prepare(tag, operation, sector, sectorCount);
        if (operation == BlockOperation.Write)
        {
            SetData(tag, data);
        }

        BlockStatus status = BlockStatus.Ok;
        Submit(request);
        Drain(c => status = c.Tag == tag ? c.Status : status);
        if (operation == BlockOperation.Read && status == BlockStatus.Ok)
        {
            GetData(tag).CopyTo(data);
        }

        return status;
    }

    public void Dispose()
    {
        Queue.Dispose();
        _waiter?.Dispose();
        _buffers.Dispose();
        _segments.Dispose();
    }

    private static int Pick(Random random) => random.Next(4) switch
    {
        0 => random.Next(1, 64),
        1 => random.Next(1, 4096),
        2 => 512 * random.Next(1, 16),
        _ => 4096 * random.Next(1, 8),
    };
}
