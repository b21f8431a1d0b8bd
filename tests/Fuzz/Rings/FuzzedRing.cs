using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Rings;

/// <summary>What the fuzzer needs to know of a kind of ring.</summary>
/// <typeparam name="TDevice">The device's side.</typeparam>
public interface IFuzzedRing<TDevice>
    where TDevice : struct, IDeviceRing, IDisposable
{
    /// <summary>For messages.</summary>
    static abstract string Name { get; }

    /// <summary>The feature that chooses the kind.</summary>
    static abstract ulong Feature { get; }

    /// <summary>Sizes to try.</summary>
    static abstract ReadOnlySpan<ushort> Sizes { get; }

    /// <summary>Bytes of in-flight region.</summary>
    static abstract int InflightSize(ushort size);

    /// <summary>Makes the device's side.</summary>
    static abstract TDevice CreateDevice(QueueSetup setup);

    /// <summary>Writes any descriptor into the ring and offers it, whatever the driver's side thinks.</summary>
    static abstract void Offer(RingAreas areas, FuzzInput input, RingPosition position, ulong address, uint length, VirtqDescriptorFlags flags);

    /// <summary>Writes a descriptor of an indirect table.</summary>
    static abstract void WriteTableEntry(SharedMemory table, uint index, ulong address, uint length, VirtqDescriptorFlags flags, ushort next);
}

/// <summary>Split rings.</summary>
public readonly struct FuzzedSplitRing : IFuzzedRing<SplitRing>
{
    /// <inheritdoc/>
    public static string Name => "split";

    /// <inheritdoc/>
    public static ulong Feature => 0;

    /// <inheritdoc/>
    public static ReadOnlySpan<ushort> Sizes => [1, 2, 4, 8, 16, 64];

    /// <inheritdoc/>
    public static int InflightSize(ushort size) => 16 + (16 * size);

    /// <inheritdoc/>
    public static SplitRing CreateDevice(QueueSetup setup) => new(setup);

    /// <inheritdoc/>
    public static void Offer(RingAreas areas, FuzzInput input, RingPosition position, ulong address, uint length, VirtqDescriptorFlags flags)
    {
        SplitRingMemory ring = new(areas);
        uint mask = areas.Size - 1u;
        ushort index = (ushort)(input.Byte() & mask);
        ushort next = input.OneIn(8) ? input.UInt16() : (ushort)(input.Byte() & mask);
        ring.WriteDescriptor(index, address, length, flags, next);
        ring.WriteAvailable(position.Available & mask, input.OneIn(32) ? input.UInt16() : index);
        ring.AvailableIndex = input.OneIn(32) ? input.UInt16() : (ushort)(position.Available + 1);
    }

    /// <inheritdoc/>
    public static void WriteTableEntry(SharedMemory table, uint index, ulong address, uint length, VirtqDescriptorFlags flags, ushort next) =>
        SplitRingMemory.WriteDescriptor(table, index, address, length, flags, next);
}

/// <summary>Packed rings.</summary>
public readonly struct FuzzedPackedRing : IFuzzedRing<PackedRing>
{
    /// <inheritdoc/>
    public static string Name => "packed";

    /// <inheritdoc/>
    public static ulong Feature => VirtioFeatures.PackedRing;

    /// <inheritdoc/>
    public static ReadOnlySpan<ushort> Sizes => [1, 2, 3, 7, 16, 64];

    /// <inheritdoc/>
    public static int InflightSize(ushort size) => 32 + (32 * size);

    /// <inheritdoc/>
    public static PackedRing CreateDevice(QueueSetup setup) => new(setup);

    /// <inheritdoc/>
    public static void Offer(RingAreas areas, FuzzInput input, RingPosition position, ulong address, uint length, VirtqDescriptorFlags flags)
    {
        PackedRingMemory ring = new(areas);

        // A chain of up to three in the slots that the device looks at next; its first descriptor last.
        int count = 1 + input.Below(3);
        for (int i = count - 1; i >= 0; i--)
        {
            int slot = position.Available + i;
            bool wrap = position.AvailableWrap ^ (slot / areas.Size % 2 != 0);
            VirtqDescriptorFlags more = i + 1 < count ? VirtqDescriptorFlags.Next : VirtqDescriptorFlags.None;
            ring.WriteDescriptor((uint)(slot % areas.Size), address, length, input.UInt16(), PackedRingMemory.AvailableFlags(flags | more, wrap));
        }
    }

    /// <inheritdoc/>
    public static void WriteTableEntry(SharedMemory table, uint index, ulong address, uint length, VirtqDescriptorFlags flags, ushort next) =>
        PackedRingMemory.WriteDescriptor(table, index, address, length, next, flags);
}
