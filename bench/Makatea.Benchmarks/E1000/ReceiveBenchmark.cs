using BenchmarkDotNet.Attributes;
using Makatea.Platform;

namespace Makatea.Benchmarks.E1000;

/// <summary>What it costs to receive a frame: have the controller say that it is there, take it, give the buffer back.</summary>
public class ReceiveBenchmark : E1000Benchmark
{
    private const int FrameLength = 1514;
    private readonly NetReceived[] _received = new NetReceived[Depth];
    private readonly NetBuffer[] _buffers = new NetBuffer[Depth];
    private readonly NetBuffer[] _supplied = new NetBuffer[Depth];

    /// <summary>Frames of one buffer, their checksums checked by the controller.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long Whole()
    {
        long sum = 0;
        ulong second = Adapter.Received(FrameLength);
        for (int done = 0; done < Frames; done += Batch)
        {
            Adapter.Receive(second, Batch);
            int count = Queue.Receive(_received);
            for (int i = 0; i < count; i++)
            {
                ref NetReceived frame = ref _received[i];
                sum += frame.Offload.Flags == NetFrameFlags.ChecksumGood ? frame.Length : 0;
                _supplied[i] = _buffers[frame.Tag];
            }

            if (count != Batch || Queue.Supply(_supplied.AsSpan(0, count)) != count)
            {
                throw new InvalidOperationException($"{count} of {Batch} frames were received, or their buffers were not taken");
            }
        }

        return sum == (long)Frames * FrameLength ? sum : throw new InvalidOperationException($"{sum} bytes of {(long)Frames * FrameLength}");
    }

    /// <inheritdoc/>
    protected override void Prepare()
    {
        for (int i = 0; i < Depth; i++)
        {
            _buffers[i] = new(Memory.Slice((ulong)i * BufferLength, BufferLength), i);
        }

        if (Queue.Supply(_buffers) != Depth)
        {
            throw new InvalidOperationException("not all buffers were taken");
        }
    }
}
