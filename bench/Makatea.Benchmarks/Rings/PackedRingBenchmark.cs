using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Benchmarks.Rings;

/// <summary>Packed rings.</summary>
public class PackedRingBenchmark : RingBenchmark<PackedRing, PackedDriverRing>
{
    /// <inheritdoc/>
    protected override ulong Feature => VirtioFeatures.PackedRing;

    /// <inheritdoc/>
    protected override PackedRing CreateDevice(QueueSetup setup) => new(setup);

    /// <inheritdoc/>
    protected override void Echo(RingPosition start)
    {
        PackedRingMemory ring = new(Areas);
        uint slots = Indirect ? 1u : 3;
        uint slot = start.Used;
        bool wrap = start.UsedWrap;
        for (int i = 0; i < Batch; i++)
        {
            ushort id = ring.ReadUsed((slot + slots - 1) % Areas.Size).Id;
            VirtqDescriptorFlags flags = wrap ? VirtqDescriptorFlags.Available | VirtqDescriptorFlags.Used : VirtqDescriptorFlags.None;
            ring.WriteDescriptor(slot, 0, 4097, id, flags | VirtqDescriptorFlags.Write);
            slot += slots;
            if (slot >= Areas.Size)
            {
                slot -= Areas.Size;
                wrap = !wrap;
            }
        }
    }
}
