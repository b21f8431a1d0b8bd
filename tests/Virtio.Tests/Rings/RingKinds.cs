using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>One descriptor as a test puts it into a ring, right or wrong.</summary>
/// <param name="Address">Guest address.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Flags">NEXT, WRITE and INDIRECT.</param>
/// <param name="Next">Split: the next field where it is not the following descriptor's index.</param>
public readonly record struct RawDescriptor(
    ulong Address, uint Length, VirtqDescriptorFlags Flags = VirtqDescriptorFlags.None, ushort? Next = null);

/// <summary>What tests that hold for both kinds of rings need to know of a kind.</summary>
public interface IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    /// <summary>The feature that chooses the kind.</summary>
    static abstract ulong Feature { get; }

    /// <summary>Bytes of in-flight region for a queue.</summary>
    static abstract int InflightSize(ushort size);

    /// <summary>Undoes what a publish stores into the in-flight region after the driver can see the buffers, as if the device had died there.</summary>
    /// <param name="region">The region after the publish.</param>
    /// <param name="before">Its bytes before.</param>
    static abstract void UndoEndOfPublish(MemorySegment region, ReadOnlySpan<byte> before);

    static abstract TDevice CreateDevice(QueueSetup setup);

    /// <summary>Writes one buffer's descriptors and makes it available, without any check.</summary>
    /// <param name="areas">The ring.</param>
    /// <param name="slot">Number of descriptors offered so far; moved on.</param>
    /// <param name="buffers">Number of buffers offered so far; moved on.</param>
    /// <param name="chain">The descriptors.</param>
    static abstract void Offer(RingAreas areas, ref int slot, ref int buffers, ReadOnlySpan<RawDescriptor> chain);

    /// <summary>Writes a descriptor of an indirect table.</summary>
    static abstract void WriteTableEntry(SharedMemory table, uint index, RawDescriptor descriptor);
}

/// <summary>Split rings.</summary>
public readonly struct Split : IRingKind<SplitRing, SplitDriverRing>
{
    public static ulong Feature => 0;

    public static int InflightSize(ushort size) => 16 + (16 * size);

    /// <remarks>struct QueueRegionSplit: used_idx at 14; 16 bytes a descriptor from 16, the first of them "inflight".</remarks>
    public static void UndoEndOfPublish(MemorySegment region, ReadOnlySpan<byte> before)
    {
        before.Slice(14, 2).CopyTo(region.AsSpan().Slice(14, 2));
        for (int entry = 16; entry < region.Length; entry += 16)
        {
            region.WriteByte(entry, before[entry]);
        }
    }

    public static SplitRing CreateDevice(QueueSetup setup) => new(setup);

    public static void Offer(RingAreas areas, ref int slot, ref int buffers, ReadOnlySpan<RawDescriptor> chain)
    {
        SplitRingMemory ring = new(areas);
        ring.WriteAvailable((uint)(buffers % areas.Size), (ushort)(slot % areas.Size));
        foreach (RawDescriptor descriptor in chain)
        {
            ushort next = descriptor.Next ?? (ushort)((slot + 1) % areas.Size);
            ring.WriteDescriptor((uint)(slot % areas.Size), descriptor.Address, descriptor.Length, descriptor.Flags, next);
            slot++;
        }

        buffers++;
        ring.AvailableIndex = (ushort)buffers;
    }

    public static void WriteTableEntry(SharedMemory table, uint index, RawDescriptor descriptor) =>
        SplitRingMemory.WriteDescriptor(
            table, index, descriptor.Address, descriptor.Length, descriptor.Flags, descriptor.Next ?? (ushort)(index + 1));
}

/// <summary>Packed rings.</summary>
public readonly struct Packed : IRingKind<PackedRing, PackedDriverRing>
{
    public static ulong Feature => VirtioFeatures.PackedRing;

    public static int InflightSize(ushort size) => 32 + (32 * size);

    /// <remarks>
    /// struct QueueRegionPacked: old_free_head at 14, old_used_idx at 18, old_used_wrap_counter at 21; 32 bytes a descriptor from 32, the
    /// first of them "inflight".
    /// </remarks>
    public static void UndoEndOfPublish(MemorySegment region, ReadOnlySpan<byte> before)
    {
        foreach (int field in (ReadOnlySpan<int>)[14, 15, 18, 19, 21])
        {
            region.WriteByte(field, before[field]);
        }

        for (int entry = 32; entry < region.Length; entry += 32)
        {
            region.WriteByte(entry, before[entry]);
        }
    }

    public static PackedRing CreateDevice(QueueSetup setup) => new(setup);

    public static void Offer(RingAreas areas, ref int slot, ref int buffers, ReadOnlySpan<RawDescriptor> chain)
    {
        PackedRingMemory ring = new(areas);

        // From the last to the first, so that the device sees all or nothing.
        for (int i = chain.Length - 1; i >= 0; i--)
        {
            int at = slot + i;
            bool wrap = at / areas.Size % 2 == 0;
            ring.WriteDescriptor(
                (uint)(at % areas.Size), chain[i].Address, chain[i].Length, (ushort)buffers, PackedRingMemory.AvailableFlags(chain[i].Flags, wrap));
        }

        slot += chain.Length;
        buffers++;
    }

    public static void WriteTableEntry(SharedMemory table, uint index, RawDescriptor descriptor) =>
        PackedRingMemory.WriteDescriptor(table, index, descriptor.Address, descriptor.Length, 0, descriptor.Flags);
}
