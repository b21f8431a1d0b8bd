using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>Buffers go through the ring whole, in any shape and order.</summary>
public abstract class RingTransferContract<TKind, TDevice, TDriver>
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    private const ulong Indirect = VirtioFeatures.IndirectDescriptors;

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void Readable_segments_come_first_then_writable_ones_2_7_4_2(int maxIndirect)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect, maxIndirect: maxIndirect);
        GuestSegment[] segments = [.. Enumerable.Range(0, 5).Select(i => new GuestSegment(pair.Data.Address + (ulong)(i * 100), (uint)(10 + i)))];
        Assert.True(pair.Driver.TryAdd(segments, 2, 77));
        Assert.Equal(PopResult.Empty, pair.Pop(out _));
        pair.Driver.Publish();
        DescriptorChain chain = pair.Pop();
        Assert.Equal((2, 3, 10u + 11, 12u + 13 + 14), (chain.Readable, chain.Writable, chain.ReadableBytes, chain.WritableBytes));
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(pair.Data.Slice(i * 100, 10 + i).Segment, pair.Segments[i]);
        }

        Assert.Equal(1, pair.Device.Outstanding);
        pair.Device.Push(chain, 39);
        Assert.Equal(0, pair.Device.Outstanding);
        Assert.True(pair.Device.Publish());
        Assert.True(pair.Driver.TryGetUsed(out uint token, out uint length));
        Assert.Equal((77u, 39u), (token, length));
        Assert.Equal(PopResult.Empty, pair.Pop(out _));
        Assert.False(pair.Driver.TryGetUsed(out _, out _));
    }

    [Fact]
    public void Driver_sees_no_used_buffer_before_publish_2_7_8_2()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        for (uint i = 0; i < 3; i++)
        {
            pair.AddOne(i);
        }

        for (int i = 0; i < 3; i++)
        {
            pair.Device.Push(pair.Pop(), 0);
            Assert.False(pair.Driver.TryGetUsed(out _, out _));
        }

        pair.Device.Publish();
        for (uint i = 0; i < 3; i++)
        {
            Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
            Assert.Equal(i, token);
        }
    }

    [Fact]
    public void Buffers_may_be_given_back_in_any_order()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(size: 8);
        for (int round = 0; round < 100; round++)
        {
            for (uint i = 0; i < 8; i++)
            {
                pair.AddOne(i);
            }

            DescriptorChain[] chains = [.. Enumerable.Range(0, 8).Select(_ => pair.Pop())];
            int[] order = [.. Enumerable.Range(0, 8)];
            new Random(round).Shuffle(order);
            foreach (int i in order)
            {
                pair.Device.Push(chains[i], 0);
            }

            pair.Device.Publish();
            foreach (int i in order)
            {
                Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
                Assert.Equal((uint)i, token);
            }
        }
    }

    [Fact]
    public void In_order_devices_give_back_in_order_whatever_ends_first_2_7_9_and_2_8_8()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(size: 8, features: VirtioFeatures.InOrder);
        uint next = 0;
        for (int round = 0; round < 100; round++)
        {
            for (uint i = 0; i < 8; i++)
            {
                pair.AddOne(((uint)round * 8) + i);
            }

            DescriptorChain[] chains = [.. Enumerable.Range(0, 8).Select(_ => pair.Pop())];
            int[] order = [.. Enumerable.Range(0, 8)];
            new Random(round).Shuffle(order);
            HashSet<int> pushed = [];
            foreach (int i in order)
            {
                pair.Device.Push(chains[i], 0);
                pair.Device.Publish();
                pushed.Add(i);
                int due = Enumerable.Range(0, 8).TakeWhile(pushed.Contains).Count();
                while (pair.Driver.TryGetUsed(out uint token, out _))
                {
                    Assert.Equal(next++, token);
                }

                Assert.Equal(((uint)round * 8) + (uint)due, next);
            }
        }
    }

    public static TheoryData<ulong, int, ushort> Variants()
    {
        TheoryData<ulong, int, ushort> data = [];
        foreach (ushort size in (ushort[])[4, 64, 256])
        {
            data.Add(0, 0, size);
            data.Add(VirtioFeatures.EventIndex, 0, size);
            data.Add(VirtioFeatures.EventIndex | Indirect, 6, size);
            data.Add(VirtioFeatures.InOrder | Indirect, 6, size);
            data.Add(VirtioFeatures.InOrder | VirtioFeatures.EventIndex, 0, size);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Every_one_of_200_000_buffers_arrives_and_returns_once_over_every_wrap(ulong features, int maxIndirect, ushort size)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(size, features, maxIndirect);
        Random random = new(size);
        Queue<(uint Token, int Segments, int Readable)> offered = [];
        Dictionary<uint, uint> returned = [];
        List<(DescriptorChain Chain, uint Token)> held = [];
        GuestSegment[] segments = new GuestSegment[4];
        bool inOrder = (features & VirtioFeatures.InOrder) != 0;
        uint token = 0;
        for (uint done = 0; done < 200_000;)
        {
            for (int i = random.Next(0, size + 1); i > 0; i--)
            {
                int count = random.Next(1, Math.Min(5, size + 1));
                for (int s = 0; s < count; s++)
                {
                    segments[s] = new GuestSegment(pair.Data.Address + (token & 0xfff), (uint)s + 1);
                }

                int readable = random.Next(0, count + 1);
                if (!pair.Driver.TryAdd(segments.AsSpan(0, count), readable, token))
                {
                    break;
                }

                offered.Enqueue((token++, count, readable));
            }

            pair.Driver.Publish();
            for (int i = random.Next(0, size + 1); i > 0 && pair.Pop(out DescriptorChain chain) == PopResult.Popped; i--)
            {
                (uint expected, int count, int readable) = offered.Dequeue();
                Assert.Equal((readable, count - readable), (chain.Readable, chain.Writable));
                Assert.Equal(pair.Data.Segment.Address + (nint)(expected & 0xfff), pair.Segments[0].Address);
                Assert.Equal(count, pair.Segments[count - 1].Length);
                held.Add((chain, expected));
            }

            for (int i = random.Next(0, held.Count + 1); i > 0; i--)
            {
                int which = random.Next(held.Count);
                (DescriptorChain chain, uint which2) = held[which];
                held.RemoveAt(which);
                uint written = chain.WritableBytes == 0 ? 0 : (uint)random.Next(0, (int)chain.WritableBytes + 1);
                returned.Add(which2, written);
                pair.Device.Push(chain, written);
            }

            pair.Device.Publish();
            while (pair.Driver.TryGetUsed(out uint back, out uint length))
            {
                Assert.True(returned.Remove(back, out uint written));
                Assert.Equal(written, length);
                if (inOrder)
                {
                    Assert.Equal(done, back);
                }

                done++;
            }
        }

        Assert.Equal(RingFault.None, pair.Device.Fault);
    }

    [Fact]
    public void A_ring_of_the_largest_size_works()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(size: 32768);
        for (int lap = 0; lap < 3; lap++)
        {
            for (uint i = 0; i < 32768; i++)
            {
                Assert.True(pair.Driver.TryAdd([pair.Data.Slice(0, 16).AsElement()], 1, i));
            }

            Assert.False(pair.Driver.TryAdd([pair.Data.Slice(0, 16).AsElement()], 1, 0));
            pair.Driver.Publish();
            pair.Drain();
            for (uint i = 0; i < 32768; i++)
            {
                Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
                Assert.Equal(i, token);
            }
        }
    }

    [Fact]
    public void A_buffer_that_straddles_adjacent_regions_comes_in_pieces()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        ulong start = RingPair<TKind, TDevice, TDriver>.Adjacent - 100;
        pair.Offer(new RawDescriptor(start, 300, VirtqDescriptorFlags.Write));
        DescriptorChain chain = pair.Pop();
        Assert.Equal((2, 300u), (chain.Writable, chain.WritableBytes));
        Assert.Equal(pair.Arena.At(start, 100).Segment, pair.Segments[0]);
        Assert.Equal(pair.Arena.At(start + 100, 200).Segment, pair.Segments[1]);
    }

    [Fact]
    public void Buffers_may_reach_to_the_last_byte_of_memory_and_be_read_where_that_is_granted()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        ulong end = RingPair<TKind, TDevice, TDriver>.ReadOnly + RingPair<TKind, TDevice, TDriver>.RegionLength;
        pair.Offer(new RawDescriptor(end - 1, 1));
        pair.Offer(new RawDescriptor(RingPair<TKind, TDevice, TDriver>.ReadOnly, (uint)RingPair<TKind, TDevice, TDriver>.RegionLength));
        Assert.Equal(1u, pair.Pop().ReadableBytes);
        Assert.Equal((uint)RingPair<TKind, TDevice, TDriver>.RegionLength, pair.Pop().ReadableBytes);
    }

    [Fact]
    public void The_write_flag_of_the_descriptor_that_names_a_table_is_ignored_2_7_5_3_2_and_2_8_7()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect);
        pair.OfferTable(VirtqDescriptorFlags.Write, 32, new RawDescriptor(pair.Data.Address, 8, VirtqDescriptorFlags.Next), new(pair.Data.Address + 8, 4));
        DescriptorChain chain = pair.Pop();
        Assert.Equal((2, 0, 12u), (chain.Readable, chain.Writable, chain.ReadableBytes));
    }

    [Fact]
    public void A_ring_goes_on_where_another_stopped()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(size: 4);
        uint token = 0;
        for (int round = 0; round < 70_000; round++)
        {
            pair.AddOne(token);
            pair.Device.Push(pair.Pop(), 0);
            pair.Device.Publish();
            Assert.True(pair.Driver.TryGetUsed(out uint back, out _));
            Assert.Equal(token++, back);
            if (round % 1001 == 0)
            {
                pair.AddOne(token);
                Assert.Equal(pair.Driver.Position.Used, pair.Device.Position.Used);
                pair.RestartDevice(pair.Device.Position);
                pair.Device.Push(pair.Pop(), 0);
                pair.Device.Publish();
                Assert.True(pair.Driver.TryGetUsed(out back, out _));
                Assert.Equal(token++, back);
            }
        }
    }

    [Fact]
    public void A_reset_queue_starts_anew_2_6_1_1()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(size: 8);
        for (int round = 0; round < 5; round++)
        {
            pair.AddOne();
            pair.Drain();
        }

        pair.Areas.Clear();
        pair.Driver = TDriver.Create(pair.Setup);
        pair.RestartDevice(RingPosition.Start);
        Assert.Equal(RingPosition.Start, pair.Device.Position);
        Assert.Equal(PopResult.Empty, pair.Pop(out _));
        pair.AddOne(5);
        pair.Drain();
        Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
        Assert.Equal(5u, token);
    }

    [Fact]
    public void The_device_writes_no_descriptor_of_the_drivers_and_no_buffer_2_7_5_1_and_2_8_15()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect, maxIndirect: 4);
        pair.Data.AsSpan().Fill(0xee);
        Assert.True(pair.Driver.TryAdd([pair.Data.Slice(0, 512).AsElement(), pair.Data.Slice(512, 512).AsElement()], 1, 0));
        Assert.True(pair.Driver.TryAdd([pair.Data.Slice(1024, 512).AsElement()], 0, 1));
        pair.Driver.Publish();
        byte[] table = pair.Setup.IndirectTables!.Value.AsSpan().ToArray();
        byte[] descriptors = pair.Areas.Descriptors.AsSpan().ToArray();
        byte[] driverArea = pair.Areas.Driver.AsSpan().ToArray();
        _ = pair.Pop();
        _ = pair.Pop();
        Assert.Equal(PopResult.Empty, pair.Pop(out _));
        pair.Device.EnableNotifications();
        pair.Device.DisableNotifications();
        Assert.True(pair.Setup.IndirectTables!.Value.AsSpan().SequenceEqual(table));
        Assert.True(pair.Areas.Descriptors.AsSpan().SequenceEqual(descriptors));
        Assert.True(pair.Areas.Driver.AsSpan().SequenceEqual(driverArea));
        Assert.Equal(-1, pair.Data.AsSpan().IndexOfAnyExcept((byte)0xee));
    }

    [Fact]
    public void Nothing_is_allocated_per_buffer()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: Indirect | VirtioFeatures.EventIndex, maxIndirect: 4);
        GuestSegment[] segments = [pair.Data.Slice(0, 16).AsElement(), pair.Data.Slice(16, 16).AsElement()];
        Cycle(pair, segments, 1000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Cycle(pair, segments, 100_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void Cycle(RingPair<TKind, TDevice, TDriver> pair, GuestSegment[] segments, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (!pair.Driver.TryAdd(segments, 1, (uint)i))
            {
                throw new InvalidOperationException("full");
            }

            pair.Driver.Publish();
            if (pair.Device.TryPop(pair.Segments, out DescriptorChain chain) != PopResult.Popped)
            {
                throw new InvalidOperationException("empty");
            }

            pair.Device.Push(chain, 0);
            pair.Device.Publish();
            pair.Device.EnableNotifications();
            pair.Device.DisableNotifications();
            if (!pair.Driver.TryGetUsed(out _, out _))
            {
                throw new InvalidOperationException("nothing used");
            }
        }
    }
}

public sealed class SplitRingTransferTests : RingTransferContract<Split, SplitRing, SplitDriverRing>;

public sealed class PackedRingTransferTests : RingTransferContract<Packed, PackedRing, PackedDriverRing>;
