using System.Diagnostics;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.NvmeLoad;

/// <summary>Keeps a queue at its depth with requests of 4 KiB at random places, into memory that the controller reaches itself.</summary>
internal sealed class RandomLoad : IDisposable
{
    private const int BlockLength = 4096;
    private const uint BlockSectors = BlockLength / BlockDevice.SectorSize;
    private readonly BlockQueue _queue;
    private readonly DmaMemory _memory;
    private readonly NativeArray<MemorySegment> _segments;
    private readonly BlockRequest[] _requests;
    private readonly BlockRequest[] _batch;
    private readonly BlockCompletion[] _completions;
    private readonly DoorbellWaiter _waiter = new LinuxHost().CreateWaiter();
    private readonly ulong _blocks;
    private ulong _random = 0x9e37_79b9_7f4a_7c15;

    internal RandomLoad(BlockDevice disk, DmaSpace space, BlockOperation operation, int depth)
    {
        _queue = disk.OpenQueue(depth);
        if (_queue.Completions is { } doorbell)
        {
            _waiter.Add(doorbell, 0);
        }

        _blocks = disk.Info.SectorCount / BlockSectors;
        _memory = space.Allocate((ulong)depth * BlockLength);
        _segments = new NativeArray<MemorySegment>(depth);
        _requests = new BlockRequest[depth];
        _batch = new BlockRequest[depth];
        _completions = new BlockCompletion[depth];
        for (int i = 0; i < depth; i++)
        {
            _segments[i] = _memory.Slice((ulong)i * BlockLength, BlockLength);
            _requests[i] = new BlockRequest { Operation = operation, SectorCount = BlockSectors, Tag = i, Data = ScatterList.Of(_segments, i, 1) };
        }
    }

    /// <summary>Runs for a time, and leaves nothing outstanding.</summary>
    /// <returns>Requests a second.</returns>
    internal double Run(TimeSpan duration, TimeSpan polling)
    {
        var window = new PollWindow(polling);
        long start = Stopwatch.GetTimestamp();
        long end = start + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        long done = 0;
        for (int i = 0; i < _requests.Length; i++)
        {
            _batch[i] = Next(i);
        }

        _queue.Submit(_batch);
        int outstanding = _batch.Length;
        while (outstanding != 0)
        {
            int count = _queue.Poll(_completions);
            if (count == 0)
            {
                Pause(ref window);
                continue;
            }

            window.Busy();
            done += count;
            for (int i = 0; i < count; i++)
            {
                BlockCompletion completion = _completions[i];
                if (completion.Status != BlockStatus.Ok)
                {
                    throw new IOException($"a request ended with {completion.Status}");
                }

                _batch[i] = Next(completion.Tag);
            }

            if (Stopwatch.GetTimestamp() < end)
            {
                _queue.Submit(_batch.AsSpan(0, count));
            }
            else
            {
                outstanding -= count;
            }
        }

        return done / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        _queue.Dispose();
        _waiter.Dispose();
        _memory.Dispose();
        _segments.Dispose();
    }

    private void Pause(ref PollWindow window)
    {
        if (window.GoOn())
        {
            Thread.SpinWait(1);
        }
        else if (_queue.Arm() is long deadline and not BlockQueue.Ready)
        {
            _waiter.Wait(deadline);
            window.Slept();
        }
    }

    private BlockRequest Next(int tag)
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        BlockRequest request = _requests[tag];
        request.Sector = (ulong)(((UInt128)_random * _blocks) >> 64) * BlockSectors;
        return request;
    }
}
