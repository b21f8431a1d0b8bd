using BenchmarkDotNet.Attributes;
using Makatea.Drivers.Nvme;
using Makatea.NvmeModel;
using Makatea.Platform;

namespace Makatea.Benchmarks.Nvme;

/// <summary>
/// What a read costs in the NVMe driver: submitted, completed by a controller in memory that moves no data, and taken back, on one thread, so that nothing is waited for.
/// The controller's part (it takes each entry and writes a completion) is in the number.
/// </summary>
[MemoryDiagnoser]
public class NvmeBenchmark
{
    /// <summary>Requests that one measured call handles.</summary>
    internal const int Requests = 1024;

    private const int DiskLength = 64 << 20;

    private readonly BlockRequest[] _requests = new BlockRequest[Requests];
    private readonly BlockCompletion[] _completions = new BlockCompletion[Requests];
    private NvmeNamespace? _disk;
    private BlockQueue? _queue;
    private DmaMemory? _memory;
    private NativeArray<MemorySegment>? _segments;

    /// <summary>Requests in a batch, which is as many as are outstanding at a time.</summary>
    [ParamsSource(nameof(Depths))]
    public int Depth { get; set; }

    /// <summary>Length of a read in bytes.</summary>
    [ParamsSource(nameof(Lengths))]
    public int Length { get; set; }

    /// <summary>Doorbells go through memory, with a fence, instead of to a register.</summary>
    [Params(false, true)]
    public bool Shadow { get; set; }

    /// <summary>Values of <see cref="Depth"/>.</summary>
    public static IEnumerable<int> Depths => [1, 8, 32, 128, 1024];

    /// <summary>Values of <see cref="Length"/>.</summary>
    public static IEnumerable<int> Lengths => [4096, 65536];

    /// <summary>Starts the driver on its controller.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var controller = new ModelController { DoesNothing = true, HasShadowDoorbells = Shadow };
        controller.Capabilities |= 2047; // Entries of a queue, 0's based.
        controller.Function = new ModelFunction(controller);
        controller.Disks.Add(new ModelNamespace(12, DiskLength));
        _disk = NvmeNamespace.Open(controller.Function, 1);
        _queue = _disk.OpenQueue(Depth);
        _memory = controller.Space.Allocate((ulong)Depth * (ulong)Length);
        _segments = new NativeArray<MemorySegment>(Depth);
        var random = new Random(1);
        for (int i = 0; i < Depth; i++)
        {
            _segments[i] = _memory.Slice((ulong)i * (ulong)Length, Length);
            _requests[i] = new BlockRequest
            {
                Operation = BlockOperation.Read,
                Sector = (ulong)random.Next(DiskLength / Length) * (ulong)(Length / BlockDevice.SectorSize),
                SectorCount = (uint)Length / BlockDevice.SectorSize,
                Tag = i,
                Data = ScatterList.Of(_segments, i, 1),
            };
        }
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _queue?.Dispose();
        _memory?.Dispose();
        _segments?.Dispose();
        _disk?.Dispose();
    }

    /// <summary>Submit, complete, take back.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public long Read()
    {
        BlockQueue queue = _queue!;
        ReadOnlySpan<BlockRequest> batch = _requests.AsSpan(0, Depth);
        Span<BlockCompletion> completions = _completions.AsSpan(0, Depth);
        long tags = 0;
        for (int done = 0; done < Requests; done += batch.Length)
        {
            queue.Submit(batch);
            int count = queue.Poll(completions);
            if (count != batch.Length)
            {
                throw new InvalidOperationException($"{count} of {batch.Length} requests came back");
            }

            foreach (BlockCompletion completion in completions)
            {
                if (completion.Status != BlockStatus.Ok)
                {
                    throw new InvalidOperationException($"a read ended with {completion.Status}");
                }

                tags += completion.Tag;
            }
        }

        return tags;
    }
}
