using BenchmarkDotNet.Attributes;
using Makatea.Platform;

namespace Makatea.Benchmarks.E1000;

/// <summary>What it costs to send a frame: give it, have the controller say that it is sent, get its tag back.</summary>
public class TransmitBenchmark : E1000Benchmark
{
    private const int Headers = 54;
    private const int FrameLength = 1514;
    private readonly int[] _tags = new int[Depth];
    private NativeArray<MemorySegment> _segments = null!;
    private NetFrame[] _plain = null!;
    private NetFrame[] _checksummed = null!;

    /// <summary>Frames of one piece that ask for nothing.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long Plain() => Send(_plain);

    /// <summary>Frames of two pieces, headers and data, whose TCP checksum the controller puts in.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long Checksummed() => Send(_checksummed);

    /// <inheritdoc/>
    protected override void Prepare()
    {
        _segments = new(3 * Depth);
        _plain = new NetFrame[Batch];
        _checksummed = new NetFrame[Batch];
        for (int i = 0; i < Batch; i++)
        {
            MemorySegment memory = Memory.Slice((ulong)i * BufferLength, FrameLength);
            _segments[3 * i] = memory;
            _segments[(3 * i) + 1] = memory.Slice(0, Headers);
            _segments[(3 * i) + 2] = memory.Slice(Headers, FrameLength - Headers);
            _plain[i] = new() { Data = ScatterList.Of(_segments, 3 * i, 1), Length = FrameLength, Tag = i };
            _checksummed[i] = new()
            {
                Data = ScatterList.Of(_segments, (3 * i) + 1, 2),
                Length = FrameLength,
                Tag = i,
                Offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 16 },
            };
        }
    }

    private long Send(NetFrame[] frames)
    {
        long sum = 0;
        for (int done = 0; done < Frames; done += frames.Length)
        {
            int taken = Queue.Transmit(frames);
            Adapter.Transmit();
            int count = Queue.Reclaim(_tags);
            if (taken != frames.Length || count != frames.Length)
            {
                throw new InvalidOperationException($"{taken} of {frames.Length} frames were taken and {count} came back");
            }

            sum += _tags[count - 1];
        }

        return sum;
    }
}
