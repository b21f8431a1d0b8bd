using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Benchmarks.Rings;

/// <summary>Split rings.</summary>
public class SplitRingBenchmark : RingBenchmark<SplitRing, SplitDriverRing>
{
    /// <inheritdoc/>
    protected override ulong Feature => 0;

    /// <inheritdoc/>
    protected override SplitRing CreateDevice(QueueSetup setup) => new(setup);

    /// <inheritdoc/>
    protected override void Echo(RingPosition start)
    {
        SplitRingMemory ring = new(Areas);
        uint mask = Areas.Size - 1u;
        for (uint i = 0; i < Batch; i++)
        {
            ring.WriteUsed((start.Used + i) & mask, ring.ReadAvailable((start.Available + i) & mask), 4097);
        }

        ring.UsedIndex = (ushort)(start.Used + Batch);
    }
}
