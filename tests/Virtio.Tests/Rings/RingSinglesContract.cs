using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>Buffers of one descriptor, many at once, are what they are one by one.</summary>
public abstract class RingSinglesContract<TKind, TDevice, TDriver>
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    private const int Size = 16;

    /// <summary>Batches of every length, at every place of the ring and across its end, in order and not; the same number of rounds makes all of them.</summary>
    [Theory]
    [InlineData(0UL, false)]
    [InlineData(0UL, true)]
    [InlineData(VirtioFeatures.InOrder, false)]
    [InlineData(VirtioFeatures.InOrder, true)]
    public void Every_batch_is_popped_and_given_back_as_it_was_offered(ulong features, bool isWritten)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(Size, features);
        Warm(pair);
        TaggedSegment[] popped = new TaggedSegment[Size];
        uint token = 0;
        for (int round = 0; round < 40 * Size; round++)
        {
            int count = 1 + (round % Size);
            uint first = token;
            for (int i = 0; i < count; i++, token++)
            {
                GuestSegment segment = pair.Data.Slice((int)(token % 64) * 100, 20 + (int)(token % 7)).AsElement();
                Assert.True(pair.Driver.TryAdd([segment], isWritten ? 0 : 1, token));
            }

            pair.Driver.Publish();
            int taken = 0;
            while (taken < count)
            {
                int part = pair.Device.PopSingles(popped.AsSpan(0, count - taken), out ushort sequence);
                Assert.InRange(part, 1, count - taken);
                for (int i = 0; i < part; i++)
                {
                    uint which = first + (uint)(taken + i);
                    Assert.Equal(pair.Data.Slice((int)(which % 64) * 100, 20 + (int)(which % 7)).Segment, popped[i].Segment);
                    Assert.Equal(isWritten, popped[i].IsWritable());
                    if (isWritten)
                    {
                        popped[i].Shorten((int)(which % 20));
                    }
                }

                Assert.Equal(part, pair.Device.Outstanding);
                if (isWritten)
                {
                    pair.Device.PushWritten(popped.AsSpan(0, part), sequence);
                }
                else
                {
                    pair.Device.PushRead(popped.AsSpan(0, part), sequence);
                }

                Assert.Equal(0, pair.Device.Outstanding);
                taken += part;
            }

            Assert.False(pair.Driver.TryGetUsed(out _, out _));
            pair.Device.Publish();
            for (uint which = first; which != token; which++)
            {
                Assert.True(pair.Driver.TryGetUsed(out uint used, out uint written));
                Assert.Equal((which, isWritten ? which % 20 : 0), (used, isWritten ? written : 0));
            }

            Assert.False(pair.Driver.TryGetUsed(out _, out _));
        }
    }

    /// <summary>One that is not the plain case ends a batch wherever it is in it, and comes next by itself.</summary>
    [Fact]
    public void A_batch_ends_before_what_is_not_plain()
    {
        RawDescriptor good = new(RingPair<TKind, TDevice, TDriver>.Memory + 0x8000, 64);
        RawDescriptor[] others =
        [
            good with { Length = 0 },
            good with { Length = 0x8000_0000 },
            good with { Length = uint.MaxValue },
            good with { Address = 0 },
            good with { Address = ulong.MaxValue - 10 },
            good with { Address = RingPair<TKind, TDevice, TDriver>.Memory - 1 },
            good with { Address = RingPair<TKind, TDevice, TDriver>.Adjacent - 63 },
            good with { Address = RingPair<TKind, TDevice, TDriver>.Adjacent },
            good with { Address = RingPair<TKind, TDevice, TDriver>.ReadOnly },
            good with { Flags = VirtqDescriptorFlags.Indirect },
        ];
        foreach (RawDescriptor other in others)
        {
            for (int at = 0; at < 9; at++)
            {
                using RingPair<TKind, TDevice, TDriver> pair = new(Size);
                pair.Offer(good);
                for (int i = 0; i < 9; i++)
                {
                    pair.Offer(i == at ? other : good);
                }

                // Without a window nothing is plain.
                TaggedSegment[] popped = new TaggedSegment[Size];
                Assert.Equal(0, pair.Device.PopSingles(popped, out _));
                pair.Pop();
                Assert.Equal(at, pair.Device.PopSingles(popped, out ushort sequence));
                Assert.Equal(1, sequence);
                Assert.All(popped[..at], single => Assert.Equal(64, single.Length));
                Assert.Equal(at + 1, pair.Device.Outstanding);
                Assert.Equal(RingFault.None, pair.Device.Fault);

                // As TryPop says by itself, where nothing was taken before.
                using RingPair<TKind, TDevice, TDriver> alone = new(Size);
                alone.Offer(good);
                alone.Offer(other);
                alone.Pop();
                Assert.Equal(alone.Pop(out _), pair.Pop(out _));
                Assert.Equal(alone.Device.Fault, pair.Device.Fault);
            }
        }
    }

    [Fact]
    public void What_was_put_back_comes_again()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(Size);
        Warm(pair);
        TaggedSegment[] popped = new TaggedSegment[Size];
        TaggedSegment[] again = new TaggedSegment[Size];
        for (uint round = 0; round < 64; round++)
        {
            for (uint i = 0; i < 11; i++)
            {
                Assert.True(pair.Driver.TryAdd([pair.Data.Slice((int)i * 32, 32).AsElement()], 1, i));
            }

            pair.Driver.Publish();
            int count = pair.Device.PopSingles(popped, out ushort sequence);
            int back = (int)(round % (uint)(count + 1));
            pair.Device.UnpopSingles(back);
            Assert.Equal(count - back, pair.Device.Outstanding);
            pair.Device.PushRead(popped.AsSpan(0, count - back), sequence);
            int left = 11 - (count - back);
            while (left > 0)
            {
                int part = pair.Device.PopSingles(again, out sequence);
                Assert.InRange(part, 1, left);
                Assert.Equal(pair.Data.Slice((11 - left) * 32, 32).Segment, again[0].Segment);
                pair.Device.PushRead(again.AsSpan(0, part), sequence);
                left -= part;
            }

            pair.Device.Publish();
            for (uint i = 0; i < 11; i++)
            {
                Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
                Assert.Equal(i, token);
            }
        }
    }

    /// <summary>A batch that is given back before an older buffer waits for it, where the order counts.</summary>
    [Fact]
    public void A_batch_waits_for_an_older_buffer_in_order()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(Size, VirtioFeatures.InOrder);
        for (uint i = 0; i < 7; i++)
        {
            pair.AddOne(i);
        }

        DescriptorChain first = pair.Pop();
        TaggedSegment[] popped = new TaggedSegment[Size];
        Assert.Equal(6, pair.Device.PopSingles(popped, out ushort sequence));
        pair.Device.PushRead(popped.AsSpan(0, 6), sequence);
        pair.Device.Publish();
        Assert.False(pair.Driver.TryGetUsed(out _, out _));
        pair.Device.Push(first, 0);
        pair.Device.Publish();
        for (uint i = 0; i < 7; i++)
        {
            Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
            Assert.Equal(i, token);
        }
    }

    [Fact]
    public void A_ring_whose_buffers_are_tracked_gives_them_one_by_one()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(Size, inflight: true);
        pair.AddOne();
        pair.AddOne();
        pair.Pop();
        Assert.Equal(0, pair.Device.PopSingles(new TaggedSegment[Size], out _));
        pair.Pop();
    }

    /// <summary>One buffer goes through, so that the device has the window of the others.</summary>
    private static void Warm(RingPair<TKind, TDevice, TDriver> pair)
    {
        pair.AddOne();
        pair.Drain();
        Assert.True(pair.Driver.TryGetUsed(out _, out _));
    }
}

public sealed class SplitRingSinglesTests : RingSinglesContract<Split, SplitRing, SplitDriverRing>;

public sealed class PackedRingSinglesTests : RingSinglesContract<Packed, PackedRing, PackedDriverRing>;
