using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>
/// With an in-flight region a device that dies at any moment is followed by another that gives every buffer back exactly once
/// (vhost-user, "Inflight I/O tracking").
/// </summary>
public abstract class RingInflightContract<TKind, TDevice, TDriver>
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    [Fact]
    public void What_was_popped_and_not_given_back_is_popped_again_in_order()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(inflight: true);
        DescriptorChain[] chains = new DescriptorChain[6];
        for (uint i = 0; i < 6; i++)
        {
            AddSized(pair, i);
            chains[i] = pair.Pop();
        }

        pair.Device.Push(chains[3], 0);
        pair.Device.Push(chains[0], 0);
        pair.Device.Publish();
        AddSized(pair, 6);
        pair.RestartDevice();
        foreach (uint expected in (uint[])[1, 2, 4, 5, 6])
        {
            DescriptorChain chain = pair.Pop();
            Assert.Equal(expected + 1, chain.ReadableBytes);
            pair.Device.Push(chain, 0);
        }

        Assert.Equal(PopResult.Empty, pair.Pop(out _));
        pair.Device.Publish();
        ExpectUsed(pair, 3, 0, 1, 2, 4, 5, 6);
    }

    [Fact]
    public void What_was_pushed_and_not_published_is_popped_again()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(inflight: true);
        for (uint i = 0; i < 3; i++)
        {
            AddSized(pair, i);
        }

        DescriptorChain[] chains = [pair.Pop(), pair.Pop(), pair.Pop()];
        pair.Device.Push(chains[2], 0);
        pair.Device.Push(chains[1], 0);
        pair.RestartDevice();
        DescriptorChain[] again = [pair.Pop(), pair.Pop(), pair.Pop()];
        Assert.Equal([1u, 2, 3], again.Select(c => c.ReadableBytes));
        Assert.False(pair.Driver.TryGetUsed(out _, out _));
        pair.Device.Push(again[1], 0);
        pair.Device.Push(again[0], 0);
        pair.Device.Push(again[2], 0);
        pair.Device.Publish();
        ExpectUsed(pair, 1, 0, 2);
    }

    [Fact]
    public void Arming_says_that_there_is_something_to_pop_again()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(inflight: true);
        pair.AddOne();
        _ = pair.Pop();
        Assert.False(pair.Device.EnableNotifications());
        pair.RestartDevice();
        Assert.True(pair.Device.EnableNotifications());
        _ = pair.Pop();
        Assert.False(pair.Device.EnableNotifications());
    }

    [Fact]
    public void A_device_that_stops_in_order_leaves_nothing_in_flight()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(inflight: true);
        for (uint i = 0; i < 100; i++)
        {
            AddSized(pair, i % 16);
            pair.Drain();
            ExpectUsed(pair, i % 16);
            RingPosition position = pair.Device.Position;
            pair.RestartDevice();
            Assert.Equal(position, pair.Device.Position);
            Assert.Equal(PopResult.Empty, pair.Pop(out _));
        }
    }

    public static TheoryData<ulong, int, int> Crashes()
    {
        TheoryData<ulong, int, int> data = [];
        for (int seed = 0; seed < 20; seed++)
        {
            data.Add(seed % 2 == 0 ? VirtioFeatures.EventIndex : VirtioFeatures.InOrder, seed % 3 == 0 ? 4 : 0, seed);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Crashes))]
    public void Devices_that_die_at_any_moment_lose_nothing_and_give_nothing_back_twice(ulong features, int maxIndirect, int seed)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(
            size: 8, features: features | VirtioFeatures.IndirectDescriptors, maxIndirect: maxIndirect, inflight: true);
        Random random = new(seed);
        List<DescriptorChain> held = [];
        HashSet<uint> outstanding = [];
        GuestSegment[] segments = new GuestSegment[3];
        uint token = 0;
        for (int step = 0; step < 20_000; step++)
        {
            switch (random.Next(6))
            {
                case 0 or 1:
                    int count = random.Next(1, 4);
                    segments.AsSpan().Fill(new GuestSegment(pair.Data.Address, 16));
                    if (pair.Driver.TryAdd(segments.AsSpan(0, count), count, token))
                    {
                        outstanding.Add(token++);
                    }

                    pair.Driver.Publish();
                    break;
                case 2 or 3:
                    PopResult result = pair.Pop(out DescriptorChain chain);
                    Assert.NotEqual(PopResult.Broken, result);
                    if (result == PopResult.Popped)
                    {
                        held.Add(chain);
                    }

                    break;
                case 4:
                    for (int i = random.Next(held.Count + 1); i > 0; i--)
                    {
                        int which = random.Next(held.Count);
                        pair.Device.Push(held[which], 0);
                        held.RemoveAt(which);
                    }

                    if (random.Next(4) != 0)
                    {
                        pair.Device.Publish();
                    }

                    break;
                default:
                    if (random.Next(8) == 0)
                    {
                        Crash(pair, random);
                        held.Clear();
                    }

                    break;
            }

            Collect(pair, outstanding);
        }

        pair.RestartDevice();
        pair.Drain();
        Collect(pair, outstanding);
        Assert.Empty(outstanding);
        Assert.Equal(0, pair.Driver.Outstanding);
    }

    [Theory]
    [InlineData(8, 2)]
    [InlineData(10, 15)]
    public void A_region_of_another_version_or_size_is_refused(int offset, int value)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(inflight: true);
        new SharedMemory(pair.InflightRegion!.Value).ReleaseUInt16((nuint)offset, (ushort)value);
        pair.RestartDevice();
        Assert.Equal(RingFault.InflightCorrupt, pair.Device.Fault);
        Assert.Equal(PopResult.Broken, pair.Pop(out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void A_region_of_any_content_harms_nobody(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 60; round++)
        {
            using RingPair<TKind, TDevice, TDriver> pair = new(size: 4, inflight: true);
            Span<byte> region = pair.InflightRegion!.Value.AsSpan();
            for (int i = 0; i < 4; i++)
            {
                AddSized(pair, (uint)i);
                _ = pair.Pop();
            }

            for (int i = random.Next(1, 12); i > 0; i--)
            {
                // Small numbers do more harm than large ones.
                region[random.Next(region.Length)] = (byte)random.Next(random.Next(2) == 0 ? 5 : 256);
            }

            pair.RestartDevice();
            for (int i = 0; i < 100 && pair.Pop(out DescriptorChain chain) == PopResult.Popped; i++)
            {
                if (random.Next(2) == 0)
                {
                    pair.Device.Push(chain, 0);
                    pair.Device.Publish();
                }
            }

            pair.Arena.CheckCanaries();
        }
    }

    /// <summary>The device dies; in half of the cases in the middle of a publish, where its last stores are undone.</summary>
    private static void Crash(RingPair<TKind, TDevice, TDriver> pair, Random random)
    {
        if (random.Next(2) == 0)
        {
            byte[] before = pair.InflightRegion!.Value.AsSpan().ToArray();
            pair.Device.Publish();
            TKind.UndoEndOfPublish(pair.InflightRegion!.Value, before);
        }

        pair.RestartDevice();
    }

    private static void Collect(RingPair<TKind, TDevice, TDriver> pair, HashSet<uint> outstanding)
    {
        while (pair.Driver.TryGetUsed(out uint token, out _))
        {
            Assert.True(outstanding.Remove(token), $"{token} came back twice");
        }
    }

    private static void AddSized(RingPair<TKind, TDevice, TDriver> pair, uint token)
    {
        Assert.True(pair.Driver.TryAdd([pair.Data.Slice(0, (int)token + 1).AsElement()], 1, token));
        pair.Driver.Publish();
    }

    private static void ExpectUsed(RingPair<TKind, TDevice, TDriver> pair, params uint[] tokens)
    {
        foreach (uint expected in tokens)
        {
            Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
            Assert.Equal(expected, token);
        }

        Assert.False(pair.Driver.TryGetUsed(out _, out _));
    }
}

public sealed class SplitRingInflightTests : RingInflightContract<Split, SplitRing, SplitDriverRing>;

public sealed class PackedRingInflightTests : RingInflightContract<Packed, PackedRing, PackedDriverRing>
{
    [Fact]
    public void A_publish_that_the_driver_did_not_see_is_taken_back()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(size: 8, inflight: true);
        pair.AddOne(1);
        pair.AddOne(2);
        DescriptorChain[] chains = [pair.Pop(), pair.Pop()];
        byte[] ring = pair.Areas.Descriptors.AsSpan().ToArray();
        byte[] before = pair.InflightRegion!.Value.AsSpan().ToArray();
        pair.Device.Push(chains[1], 0);
        pair.Device.Push(chains[0], 0);
        pair.Device.Publish();

        // The process died between the region's first stores and the ring's: all of the publish but the flags that the driver looks at first.
        Packed.UndoEndOfPublish(pair.InflightRegion!.Value, before);
        ring.AsSpan(0, 16).CopyTo(pair.Areas.Descriptors.AsSpan());
        pair.RestartDevice();
        Assert.Equal((ushort)0, pair.Device.Position.Used);
        Assert.False(pair.Driver.TryGetUsed(out _, out _));
        pair.Drain();
        Assert.True(pair.Driver.TryGetUsed(out uint first, out _));
        Assert.True(pair.Driver.TryGetUsed(out uint second, out _));
        Assert.Equal((1u, 2u), (first, second));
    }
}
