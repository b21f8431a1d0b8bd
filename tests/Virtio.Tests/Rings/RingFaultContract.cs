using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>Each way in which a driver can break a ring of either kind ends the service of that ring, and is named.</summary>
public abstract class RingFaultContract<TKind, TDevice, TDriver>
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    private const ulong Indirect = VirtioFeatures.IndirectDescriptors;
    private const VirtqDescriptorFlags Next = VirtqDescriptorFlags.Next;
    private const VirtqDescriptorFlags Write = VirtqDescriptorFlags.Write;
    private const ulong Memory = RingPair<TKind, TDevice, TDriver>.Memory;
    private const ulong Adjacent = RingPair<TKind, TDevice, TDriver>.Adjacent;
    private const ulong End = Adjacent + RingPair<TKind, TDevice, TDriver>.RegionLength;
    private const ulong ReadOnly = RingPair<TKind, TDevice, TDriver>.ReadOnly;

    [Fact]
    public void A_readable_descriptor_behind_a_writable_one_2_7_4_2_and_2_8_17()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16, Next | Write), new(Memory, 16));
        Breaks(pair, RingFault.ReadableAfterWritable);
    }

    [Fact]
    public void A_readable_descriptor_behind_a_writable_one_in_a_table()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.OfferTable(default, 48, new RawDescriptor(Memory, 16, Next), new(Memory, 16, Next | Write), new(Memory, 16));
        Breaks(pair, RingFault.ReadableAfterWritable);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_descriptor_of_no_length(bool second)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(Memory, second ? 16u : 0, Next), new(Memory, second ? 0u : 16, Write));
        Breaks(pair, RingFault.EmptyDescriptor);
    }

    public static TheoryData<ulong, uint, bool> Outside() => new()
    {
        { 0, 1, false },
        { Memory - 1, 1, false },
        { Memory - 1, 2, false },
        { End - 1, 2, false },
        { End, 1, true },
        { Memory, uint.MaxValue, false },
        { ulong.MaxValue, 1, false },
        { ulong.MaxValue, 2, true },
        { ulong.MaxValue - 15, 16, false },
        { ulong.MaxValue - 15, 17, true },
        { ulong.MaxValue - uint.MaxValue, uint.MaxValue, false },
        { 0xffff_ffff_0000_0000 + Memory, 16, false },
        { ReadOnly, 1, true },
        { ReadOnly - 1, 1, false },
    };

    [Theory]
    [MemberData(nameof(Outside))]
    public void A_buffer_outside_the_memory_or_the_rights_granted(ulong address, uint length, bool writable)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.Offer(new RawDescriptor(address, length, writable ? Write : default));
        Breaks(pair, RingFault.OutsideMemory);

        using RingPair<TKind, TDevice, TDriver> late = new(features: Indirect);
        late.Offer(new RawDescriptor(Memory, 16, Next | (writable ? Write : default)), new(address, length, writable ? Write : default));
        Breaks(late, RingFault.OutsideMemory);

        using RingPair<TKind, TDevice, TDriver> table = new(features: Indirect);
        table.OfferTable(default, 16, new RawDescriptor(address, length, writable ? Write : default));
        Breaks(table, RingFault.OutsideMemory);
    }

    [Fact]
    public void A_chain_of_more_segments_than_the_device_takes()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(maxSegments: 3);
        pair.Offer(new RawDescriptor(Memory, 1, Next), new(Memory, 1, Next), new(Memory, 1));
        Assert.Equal(3, pair.Pop().Readable);
        pair.Offer(new RawDescriptor(Memory, 1, Next), new(Memory, 1, Next), new(Memory, 1, Next), new(Memory, 1));
        Breaks(pair, RingFault.ChainTooLong);
    }

    [Fact]
    public void A_straddling_buffer_counts_as_the_segments_that_it_makes()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(maxSegments: 2);
        pair.Offer(new RawDescriptor(Memory, 1, Next), new(Adjacent - 1, 2));
        Breaks(pair, RingFault.ChainTooLong);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lengths_that_add_up_to_more_than_32_bits_2_7_5_2(bool writable)
    {
        // The same 2 MiB over and over; 2048 times is 2^32.
        const int Times = 2048;
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect, maxSegments: 3 * Times);
        RawDescriptor[] entries = new RawDescriptor[Times];
        Array.Fill(entries, new RawDescriptor(Memory, (uint)(End - Memory), Next | (writable ? Write : default)));
        entries[^1] = new RawDescriptor(Memory, (uint)(End - Memory) - 1, writable ? Write : default);
        pair.OfferTable(default, Times * 16, entries);
        DescriptorChain chain = pair.Pop();
        Assert.Equal(uint.MaxValue, writable ? chain.WritableBytes : chain.ReadableBytes);

        entries[^1] = entries[^1] with { Length = (uint)(End - Memory) };
        pair.OfferTable(default, Times * 16, entries);
        Breaks(pair, RingFault.ChainTooLarge);
    }

    [Fact]
    public void An_indirect_descriptor_that_was_not_negotiated_2_7_5_3_1_and_2_8_19()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.OfferTable(default, 16, new RawDescriptor(Memory, 16));
        Breaks(pair, RingFault.IndirectNotNegotiated);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void An_indirect_descriptor_in_an_indirect_table_2_7_5_3_1_and_2_8_19(int where)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        RawDescriptor[] entries = [new(Memory, 16, Next), new(Memory, 16)];
        entries[where] = entries[where] with { Flags = entries[where].Flags | VirtqDescriptorFlags.Indirect };
        pair.OfferTable(default, 32, entries);
        Breaks(pair, RingFault.IndirectNested);
    }

    [Fact]
    public void An_indirect_table_that_names_itself()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.OfferTable(default, 16, new RawDescriptor(pair.Data.Address + (32 * 1024), 16, VirtqDescriptorFlags.Indirect));
        Breaks(pair, RingFault.IndirectNested);
    }

    [Fact]
    public void An_indirect_descriptor_with_next_2_7_5_3_1_and_2_8_19()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.OfferTable(Next, 16, new RawDescriptor(Memory, 16));
        Breaks(pair, RingFault.IndirectWithNext);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(15u)]
    [InlineData(17u)]
    [InlineData(31u)]
    [InlineData(uint.MaxValue)]
    [InlineData((32768u + 1) * 16)]
    public void An_indirect_table_of_a_length_that_cannot_be(uint bytes)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.OfferTable(default, bytes, new RawDescriptor(Memory, 16), new RawDescriptor(Memory, 16));
        Breaks(pair, RingFault.IndirectTableSize);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(Memory - 16)]
    [InlineData(End - 16)]
    [InlineData(Adjacent - 16)]
    [InlineData(ulong.MaxValue - 15)]
    [InlineData(ulong.MaxValue - 31)]
    public void An_indirect_table_outside_memory_or_across_regions(ulong address)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.Offer(new RawDescriptor(address, 32, VirtqDescriptorFlags.Indirect));
        Breaks(pair, RingFault.OutsideMemory);
    }

    [Fact]
    public void A_table_need_not_be_aligned()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        GuestBuffer table = pair.Data.Slice(1, 16);
        TKind.WriteTableEntry(table.AsShared(), 0, new RawDescriptor(Memory, 99));
        pair.Offer(new RawDescriptor(table.Address, 16, VirtqDescriptorFlags.Indirect));
        Assert.Equal(99u, pair.Pop().ReadableBytes);
    }

    [Fact]
    public void What_was_popped_before_the_fault_can_be_given_back()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.AddOne(4);
        DescriptorChain good = pair.Pop();
        Assert.True(pair.Driver.TryAdd([new GuestSegment(0, 16)], 1, 5));
        pair.Driver.Publish();
        Breaks(pair, RingFault.OutsideMemory);
        pair.Device.Push(good, 0);
        Assert.True(pair.Device.Publish());
        Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
        Assert.Equal(4u, token);
    }

    [Fact]
    public void Good_buffers_behind_a_bad_one_are_not_popped()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16));
        pair.Offer(new RawDescriptor(0, 16));
        pair.Offer(new RawDescriptor(Memory, 16));
        pair.Offer(new RawDescriptor(Memory, 16));
        _ = pair.Pop();
        Breaks(pair, RingFault.OutsideMemory);
    }

    [Fact]
    public void A_device_can_give_the_ring_up_itself()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16));
        pair.Offer(new RawDescriptor(Memory, 16));
        _ = pair.Pop();
        pair.Device.Break(RingFault.RequestTooShort);
        Breaks(pair, RingFault.RequestTooShort);
    }

    [Fact]
    public void Areas_of_the_wrong_alignment_or_length_are_refused_2_7_and_2_8_10_1()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        RingAreas areas = pair.Areas;
        GuestBuffer spare = pair.Arena.Allocate(16 * 16 + 8, 16);
        RingAreas[] wrong =
        [
            areas with { Descriptors = spare.Slice(8, 16 * 16) },
            areas with { Descriptors = areas.Descriptors.Slice(0, (16 * 16) - 1) },
            areas with { Driver = spare.Slice(1, areas.Driver.Length) },
            areas with { Driver = areas.Driver.Slice(0, areas.Driver.Length - 1) },
            areas with { Device = spare.Slice(2, areas.Device.Length) },
            areas with { Device = areas.Device.Slice(0, areas.Device.Length - 1) },
            areas with { Size = 0 },
            areas with { Size = 32769 },
        ];
        foreach (RingAreas candidate in wrong)
        {
            QueueSetup setup = candidate.ToQueueSetup(pair.GuestMemory, pair.Features, TestHost.Instance);
            Assert.Throws<ArgumentException>(() => TKind.CreateDevice(setup).Dispose());
        }
    }

    internal static void Breaks(RingPair<TKind, TDevice, TDriver> pair, RingFault fault)
    {
        int outstanding = pair.Device.Outstanding;
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(PopResult.Broken, pair.Pop(out _));
            Assert.Equal(fault, pair.Device.Fault);
            Assert.False(pair.Device.EnableNotifications());
        }

        Assert.Equal(outstanding, pair.Device.Outstanding);
        pair.Arena.CheckCanaries();
    }
}

public sealed class SplitRingFaultTests : RingFaultContract<Split, SplitRing, SplitDriverRing>
{
    private const VirtqDescriptorFlags Next = VirtqDescriptorFlags.Next;
    private const ulong Memory = RingPair<Split, SplitRing, SplitDriverRing>.Memory;

    [Theory]
    [InlineData(0, 17)]
    [InlineData(0, 32768)]
    [InlineData(0, 65535)]
    [InlineData(65530, 20)]
    [InlineData(5, 4)]
    public void An_available_index_that_moves_by_more_than_the_ring_or_back_2_7_6_1(int start, int moved)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(position: new RingPosition((ushort)start, true, (ushort)start, true));
        SplitRingMemory raw = new(pair.Areas);
        raw.AvailableIndex = (ushort)moved;
        Breaks(pair, RingFault.AvailableIndexJumped);
    }

    [Fact]
    public void An_available_index_that_offers_more_than_the_ring_holds_while_buffers_are_out()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.AddOne();
        pair.AddOne();
        DescriptorChain first = pair.Pop();
        _ = pair.Pop();
        SplitRingMemory raw = new(pair.Areas);
        raw.AvailableIndex = 17;
        Breaks(pair, RingFault.AvailableIndexJumped);
        pair.Device.Push(first, 0);
        pair.Device.Publish();
        Assert.True(pair.Driver.TryGetUsed(out _, out _));
    }

    [Fact]
    public void A_full_ring_is_no_jump()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(position: new RingPosition(65530, true, 65530, true));
        for (uint i = 0; i < 16; i++)
        {
            pair.AddOne(i);
        }

        for (int i = 0; i < 16; i++)
        {
            _ = pair.Pop();
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(32768)]
    [InlineData(65535)]
    public void An_available_entry_that_names_no_descriptor(int head)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16));
        new SplitRingMemory(pair.Areas).WriteAvailable(0, (ushort)head);
        Breaks(pair, RingFault.HeadOutOfRange);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(65535)]
    public void A_next_field_that_names_no_descriptor(int next)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16, Next, (ushort)next));
        Breaks(pair, RingFault.NextOutOfRange);
    }

    [Fact]
    public void A_next_field_without_its_flag_is_not_looked_at()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16, default, 65535));
        Assert.Equal(1, pair.Pop().Readable);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    public void A_chain_that_loops_2_7_5_2(int length)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        RawDescriptor[] chain = new RawDescriptor[length + 1];
        Array.Fill(chain, new RawDescriptor(Memory, 1, Next));
        chain[length] = chain[length] with { Next = 0 };
        pair.Offer(chain);
        Breaks(pair, RingFault.ChainLoops);
    }

    [Fact]
    public void A_chain_as_long_as_the_ring_is_no_loop()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        RawDescriptor[] chain = new RawDescriptor[16];
        Array.Fill(chain, new RawDescriptor(Memory, 1, Next));
        chain[15] = new RawDescriptor(Memory, 1);
        pair.Offer(chain);
        Assert.Equal(16, pair.Pop().Readable);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(65535)]
    public void A_next_field_outside_its_table(int next)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 32, new RawDescriptor(Memory, 1, Next, (ushort)next), new(Memory, 1));
        Breaks(pair, RingFault.NextOutOfRange);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_table_that_loops(int back)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 48, new RawDescriptor(Memory, 1, Next), new(Memory, 1, Next), new(Memory, 1, Next, (ushort)back));
        Breaks(pair, RingFault.ChainLoops);
    }

    [Fact]
    public void A_table_may_be_chained_in_any_order_and_have_entries_that_are_not_used()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 64, new RawDescriptor(Memory, 1, Next, 3), new(0, 0), new(Memory, 3), new(Memory, 2, Next, 2));
        DescriptorChain chain = pair.Pop();
        Assert.Equal((3, 6u), (chain.Readable, chain.ReadableBytes));
        Assert.Equal([1, 2, 3], pair.Segments[..3].Select(s => s.Length));
    }

    [Fact]
    public void Direct_descriptors_may_precede_an_indirect_one_2_7_5_3_2()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        GuestBuffer table = pair.Data.Slice(0, 32);
        Split.WriteTableEntry(table.AsShared(), 0, new RawDescriptor(Memory, 3, Next));
        Split.WriteTableEntry(table.AsShared(), 1, new RawDescriptor(Memory, 4, VirtqDescriptorFlags.Write));
        pair.Offer(new RawDescriptor(Memory, 1, Next), new(Memory, 2, Next), new(table.Address, 32, VirtqDescriptorFlags.Indirect));
        DescriptorChain chain = pair.Pop();
        Assert.Equal((3, 6u, 1, 4u), (chain.Readable, chain.ReadableBytes, chain.Writable, chain.WritableBytes));
    }

    [Fact]
    public void A_chain_that_goes_on_behind_a_table_2_7_5_3_1()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(Next, 16, new RawDescriptor(Memory, 16));
        pair.Offer(new RawDescriptor(Memory, 16));
        Breaks(pair, RingFault.IndirectWithNext);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(12)]
    [InlineData(24576)]
    public void A_size_that_is_no_power_of_two_is_refused_2_7(int size)
    {
        using GuestArena arena = new(new GuestRange(Memory, 4 << 20));
        QueueSetup setup = RingAreas.Allocate(arena, (ushort)size, packed: false).ToQueueSetup(arena.Memory, 0, TestHost.Instance);
        Assert.Throws<ArgumentException>(() => new SplitRing(setup).Dispose());
    }
}

public sealed class PackedRingFaultTests : RingFaultContract<Packed, PackedRing, PackedDriverRing>
{
    private const VirtqDescriptorFlags Next = VirtqDescriptorFlags.Next;
    private const ulong Memory = RingPair<Packed, PackedRing, PackedDriverRing>.Memory;

    [Fact]
    public void A_chain_that_fills_the_ring_and_never_ends()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new();
        RawDescriptor[] chain = new RawDescriptor[16];
        Array.Fill(chain, new RawDescriptor(Memory, 1, Next));
        pair.Offer(chain);
        Breaks(pair, RingFault.ChainLoops);
    }

    [Fact]
    public void A_chain_as_long_as_the_ring_is_no_loop()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new();
        RawDescriptor[] chain = new RawDescriptor[16];
        Array.Fill(chain, new RawDescriptor(Memory, 1, Next));
        chain[15] = new RawDescriptor(Memory, 1);
        pair.Offer(chain);
        Assert.Equal((16, 16), (pair.Pop().Readable, pair.Device.Position.Available == 0 ? 16 : 0));
        Assert.False(pair.Device.Position.AvailableWrap);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void More_descriptors_available_than_the_ring_has(int chainLength)
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(size: 15);
        RawDescriptor[] chain = new RawDescriptor[chainLength];
        Array.Fill(chain, new RawDescriptor(Memory, 1, Next));
        chain[^1] = new RawDescriptor(Memory, 1);
        for (int i = 0; i < 15 / chainLength; i++)
        {
            pair.Offer(chain);
            _ = pair.Pop();
        }

        // Nothing was given back, yet the driver marks slots of the next lap available.
        pair.Offer(chain);
        Breaks(pair, RingFault.TooManyOutstanding);
    }

    [Fact]
    public void A_chain_that_runs_into_slots_that_are_out()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(size: 4);
        pair.Offer(new RawDescriptor(Memory, 1));
        _ = pair.Pop();
        pair.Offer(new RawDescriptor(Memory, 1, Next), new(Memory, 1, Next), new(Memory, 1, Next));
        Breaks(pair, RingFault.TooManyOutstanding);
    }

    [Fact]
    public void A_table_behind_direct_descriptors_2_8_19()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.Offer(new RawDescriptor(Memory, 1, Next), new(Memory, 32, VirtqDescriptorFlags.Indirect));
        Breaks(pair, RingFault.IndirectWithNext);
    }

    [Fact]
    public void Every_entry_of_a_table_counts_and_flags_other_than_write_do_not_2_8_7()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(features: VirtioFeatures.IndirectDescriptors);
        const VirtqDescriptorFlags Noise = VirtqDescriptorFlags.Available | VirtqDescriptorFlags.Used | Next;
        pair.OfferTable(default, 48, new RawDescriptor(Memory, 1), new(Memory, 2, Noise), new(Memory, 3, VirtqDescriptorFlags.Write | Noise));
        DescriptorChain chain = pair.Pop();
        Assert.Equal((2, 3u, 1, 3u), (chain.Readable, chain.ReadableBytes, chain.Writable, chain.WritableBytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(65535)]
    public void Any_buffer_id_is_the_drivers_own_affair_and_comes_back(int id)
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new();
        PackedRingMemory raw = new(pair.Areas);
        raw.WriteDescriptor(0, Memory, 16, (ushort)id, VirtqDescriptorFlags.Available);
        pair.Device.Push(pair.Pop(), 0);
        pair.Device.Publish();
        Assert.Equal((ushort)id, raw.ReadUsed(0).Id);
    }

    [Fact]
    public void The_buffer_id_is_that_of_the_last_descriptor_2_8_6()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new();
        PackedRingMemory raw = new(pair.Areas);
        raw.WriteDescriptor(1, Memory, 16, 7, VirtqDescriptorFlags.Available);
        raw.WriteDescriptor(0, Memory, 16, 3, Next | VirtqDescriptorFlags.Available);
        Assert.Equal((7, 2), (pair.Pop(out DescriptorChain chain) == PopResult.Popped ? chain.Id : -1, chain.Slots));
    }

    [Theory]
    [InlineData(VirtqDescriptorFlags.None)]
    [InlineData(VirtqDescriptorFlags.Used)]
    [InlineData(VirtqDescriptorFlags.Available | VirtqDescriptorFlags.Used)]
    public void A_descriptor_whose_available_bit_did_not_change_is_not_used_2_8_15(VirtqDescriptorFlags flags)
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new();
        new PackedRingMemory(pair.Areas).WriteDescriptor(0, Memory, 16, 0, flags);
        Assert.Equal(PopResult.Empty, pair.Pop(out _));
        Assert.Equal(RingFault.None, pair.Device.Fault);
    }

    [Theory]
    [InlineData(5, 0)]
    [InlineData(0, 5)]
    [InlineData(0x7fff, 0)]
    public void A_position_outside_the_ring_is_refused(int available, int used)
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(size: 5);
        Assert.Throws<ArgumentException>(() => pair.RestartDevice(new RingPosition((ushort)available, true, (ushort)used, true)));
    }
}
