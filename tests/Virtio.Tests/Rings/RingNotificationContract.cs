using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>Both sides notify when they must and keep quiet when they should.</summary>
public abstract class RingNotificationContract<TKind, TDevice, TDriver>
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    private const ulong EventIndex = VirtioFeatures.EventIndex;

    [Theory]
    [InlineData(0)]
    [InlineData(EventIndex)]
    public void The_first_publish_notifies_whatever_the_driver_asked_before_a_restart(ulong features)
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: features);
        pair.Driver.DisableCallbacks();
        pair.AddOne();
        Assert.True(pair.Drain());
        pair.AddOne();
        Assert.False(pair.Drain());
        pair.AddOne();
        pair.RestartDevice(pair.Device.Position);
        Assert.True(pair.Drain());
    }

    [Fact]
    public void Nothing_used_notifies_nobody()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        Assert.False(pair.Device.Publish());
        pair.AddOne();
        _ = pair.Pop();
        Assert.False(pair.Device.Publish());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(EventIndex)]
    public void The_driver_is_notified_if_and_only_if_it_asks_2_7_7_2_and_2_8_10(ulong features)
    {
        using RingPair<TKind, TDevice, TDriver> pair = Warm(features);
        for (int i = 0; i < 1000; i++)
        {
            pair.Driver.DisableCallbacks();
            pair.AddOne();
            Assert.False(pair.Drain());
            Assert.True(pair.Driver.EnableCallbacks());
            Assert.True(pair.Driver.TryGetUsed(out _, out _));
            Assert.False(pair.Driver.EnableCallbacks());
            pair.AddOne();
            Assert.True(pair.Drain());
            Assert.True(pair.Driver.TryGetUsed(out _, out _));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(EventIndex)]
    public void The_device_is_notified_if_and_only_if_it_asks_2_7_10_2_and_2_8_10(ulong features)
    {
        using RingPair<TKind, TDevice, TDriver> pair = Warm(features);
        for (int i = 0; i < 1000; i++)
        {
            Assert.False(pair.Device.EnableNotifications());
            Assert.True(pair.AddOne());
            pair.Device.DisableNotifications();
            Assert.False(pair.AddOne());
            Assert.True(pair.Device.EnableNotifications());
            Finish(pair);
        }
    }

    [Fact]
    public void With_event_index_one_notification_covers_a_batch_until_asked_again_2_7_7_2_and_2_8_10()
    {
        using RingPair<TKind, TDevice, TDriver> pair = Warm(EventIndex);
        for (int i = 0; i < 20_000; i++)
        {
            Assert.False(pair.Driver.EnableCallbacks());
            for (uint b = 0; b < 3; b++)
            {
                pair.AddOne(b);
            }

            Assert.True(pair.Drain());
            pair.AddOne(3);
            Assert.False(pair.Drain());
            for (uint b = 0; b < 4; b++)
            {
                Assert.True(pair.Driver.TryGetUsed(out uint token, out _));
                Assert.Equal(b, token);
            }
        }
    }

    [Fact]
    public void With_event_index_one_kick_covers_a_batch_until_asked_again_2_7_10_2_and_2_8_10()
    {
        using RingPair<TKind, TDevice, TDriver> pair = Warm(EventIndex);
        for (int i = 0; i < 20_000; i++)
        {
            Assert.False(pair.Device.EnableNotifications());
            Assert.True(pair.AddOne());
            Assert.False(pair.AddOne());
            Assert.False(pair.AddOne());
            Finish(pair);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(EventIndex)]
    public void Arming_looks_again_so_that_no_buffer_is_missed(ulong features)
    {
        using RingPair<TKind, TDevice, TDriver> pair = Warm(features);
        Assert.False(pair.Device.EnableNotifications());
        pair.AddOne();
        Assert.True(pair.Device.EnableNotifications());
        _ = pair.Pop();
        Assert.False(pair.Device.EnableNotifications());
    }

    protected static RingPair<TKind, TDevice, TDriver> Warm(ulong features)
    {
        RingPair<TKind, TDevice, TDriver> pair = new(features: features);
        pair.AddOne();
        pair.Drain();
        Assert.True(pair.Driver.TryGetUsed(out _, out _));
        return pair;
    }

    private static void Finish(RingPair<TKind, TDevice, TDriver> pair)
    {
        pair.Drain();
        while (pair.Driver.TryGetUsed(out _, out _))
        {
        }
    }
}

public sealed class SplitRingNotificationTests : RingNotificationContract<Split, SplitRing, SplitDriverRing>
{
    [Theory]
    [InlineData(0, 1, 0, true)]
    [InlineData(0, 1, 1, false)]
    [InlineData(0, 1, 65535, false)]
    [InlineData(0, 4, 3, true)]
    [InlineData(0, 4, 4, false)]
    [InlineData(65534, 4, 65534, true)]
    [InlineData(65534, 4, 65535, true)]
    [InlineData(65534, 4, 0, true)]
    [InlineData(65534, 4, 1, true)]
    [InlineData(65534, 4, 2, false)]
    [InlineData(65534, 4, 65533, false)]
    [InlineData(32767, 1, 32767, true)]
    [InlineData(32767, 1, 65535, false)]
    public void The_used_event_decides_also_where_indices_wrap_2_7_7_2(int start, int count, int usedEvent, bool notified)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = At(start, VirtioFeatures.EventIndex);
        SplitRingMemory raw = new(pair.Areas);
        for (int i = 0; i < count; i++)
        {
            pair.AddOne();
        }

        raw.UsedEvent = (ushort)usedEvent;

        // Must be ignored with event index.
        raw.AvailableFlags = 1;
        Assert.Equal(notified, pair.Drain());
        Assert.Equal((ushort)(start + count), raw.UsedIndex);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Without_event_index_used_event_is_ignored_and_the_flags_decide_2_7_7_2(int flags)
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = At(10, 0);
        SplitRingMemory raw = new(pair.Areas) { AvailableFlags = (ushort)flags };
        foreach (int usedEvent in (int[])[9, 10, 11])
        {
            raw.UsedEvent = (ushort)usedEvent;
            pair.AddOne();
            Assert.Equal(flags == 0, pair.Drain());
        }
    }

    [Fact]
    public void With_event_index_the_used_flags_stay_0_2_7_10_2()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = At(65535, VirtioFeatures.EventIndex);
        SplitRingMemory raw = new(pair.Areas);
        for (int i = 0; i < 4; i++)
        {
            pair.Device.DisableNotifications();
            Assert.Equal(0, raw.UsedFlags);
            pair.Device.EnableNotifications();
            Assert.Equal((0, pair.Device.Position.Available), (raw.UsedFlags, raw.AvailableEvent));
            pair.AddOne();
            pair.Drain();
        }
    }

    [Fact]
    public void Without_event_index_the_used_flags_are_0_or_1_and_avail_event_is_not_written_2_7_10_2()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = At(5, 0);
        SplitRingMemory raw = new(pair.Areas) { AvailableEvent = 0xabcd };
        pair.Device.DisableNotifications();
        Assert.Equal(1, raw.UsedFlags);
        pair.Device.EnableNotifications();
        Assert.Equal(0, raw.UsedFlags);
        Assert.Equal(0xabcd, raw.AvailableEvent);
    }

    private static RingPair<Split, SplitRing, SplitDriverRing> At(int index, ulong features)
    {
        // One before, as the first publish after a start always notifies.
        ushort before = (ushort)(index - 1);
        RingPair<Split, SplitRing, SplitDriverRing> pair = new(features: features, position: new RingPosition(before, true, before, true));
        pair.AddOne();
        pair.Drain();
        Assert.True(pair.Driver.TryGetUsed(out _, out _));
        return pair;
    }
}

public sealed class PackedRingNotificationTests : RingNotificationContract<Packed, PackedRing, PackedDriverRing>
{
    [Theory]
    [InlineData(0, true, 1, 0, true, true)]
    [InlineData(0, true, 1, 1, true, false)]
    [InlineData(0, true, 1, 0, false, false)]
    [InlineData(6, true, 4, 6, true, true)]
    [InlineData(6, true, 4, 7, true, true)]
    [InlineData(6, true, 4, 0, false, true)]
    [InlineData(6, true, 4, 1, false, true)]
    [InlineData(6, true, 4, 2, false, false)]
    [InlineData(6, true, 4, 5, true, false)]
    [InlineData(6, true, 4, 0, true, false)]
    [InlineData(6, false, 4, 0, true, true)]
    [InlineData(6, false, 4, 0, false, false)]
    [InlineData(7, true, 1, 7, true, true)]
    [InlineData(7, true, 1, 0, false, false)]
    [InlineData(3, true, 2, 0x7fff, true, false)]
    [InlineData(3, true, 2, 8, true, false)]
    public void The_drivers_event_offset_and_wrap_decide_also_where_the_ring_wraps_2_8_10(
        int start, bool wrap, int count, int offset, bool eventWrap, bool notified)
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = At(start, wrap);
        PackedRingMemory raw = new(pair.Areas);
        for (int i = 0; i < count; i++)
        {
            pair.AddOne();
        }

        raw.DriverEvent = ((ushort)(offset | (eventWrap ? 0x8000 : 0)), PackedRingMemory.EventsAtDescriptor);
        Assert.Equal(notified, pair.Drain());
    }

    [Fact]
    public void An_event_inside_a_chain_that_was_used_notifies()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = At(0, true);
        GuestSegment segment = pair.Data.Slice(0, 16).AsElement();
        Assert.True(pair.Driver.TryAdd([segment, segment, segment], 3, 0));
        pair.Driver.Publish();
        new PackedRingMemory(pair.Areas).DriverEvent = (0x8002, PackedRingMemory.EventsAtDescriptor);
        Assert.True(pair.Drain());
    }

    [Theory]
    [InlineData(VirtioFeatures.EventIndex)]
    [InlineData(0)]
    public void What_the_device_asks_for_2_8_14(ulong features)
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new(size: 8, features: features);
        PackedRingMemory raw = new(pair.Areas);
        for (int i = 0; i < 20; i++)
        {
            pair.Device.DisableNotifications();
            Assert.Equal(PackedRingMemory.EventsDisabled, raw.DeviceEvent.Flags);
            pair.Device.EnableNotifications();
            (ushort offset, ushort flags) = raw.DeviceEvent;
            int wrap = i / 8 % 2 == 0 ? 0x8000 : 0;
            Assert.Equal(
                features == 0 ? (0, PackedRingMemory.EventsEnabled) : ((i % 8) | wrap, PackedRingMemory.EventsAtDescriptor),
                (offset, flags));
            pair.AddOne();
            pair.Drain();
            Assert.True(pair.Driver.TryGetUsed(out _, out _));
        }
    }

    private static RingPair<Packed, PackedRing, PackedDriverRing> At(int slot, bool wrap)
    {
        // One before, as the first publish after a start always notifies.
        int before = slot == 0 ? 7 : slot - 1;
        bool wrapBefore = slot == 0 ? !wrap : wrap;
        RingPair<Packed, PackedRing, PackedDriverRing> pair = new(
            size: 8, features: VirtioFeatures.EventIndex, position: new RingPosition((ushort)before, wrapBefore, (ushort)before, wrapBefore));
        pair.AddOne();
        pair.Drain();
        Assert.True(pair.Driver.TryGetUsed(out _, out _));
        return pair;
    }
}
