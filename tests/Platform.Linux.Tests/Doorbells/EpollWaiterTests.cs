using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

public sealed class EpollWaiterTests
{
    private readonly LinuxHost _host = new();

    [Fact]
    public void Each_ring_is_seen_once()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell doorbell = _host.CreateDoorbell();
        waiter.Add(doorbell, 63);
        Assert.Equal(0ul, waiter.Wait(Time.Now));
        for (int i = 0; i < 3; i++)
        {
            doorbell.Ring();
            doorbell.Ring();
            Assert.Equal(1ul << 63, waiter.Wait(DoorbellWaiter.Forever));
            Assert.Equal(0ul, waiter.Wait(Time.Now));
        }
    }

    [Fact]
    public void A_ring_before_it_was_added_is_seen()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell doorbell = _host.CreateDoorbell();
        doorbell.Ring();
        waiter.Add(doorbell, 0);
        Assert.Equal(1ul, waiter.Wait(Time.In(5)));
    }

    [Fact]
    public void Sixty_four_doorbells_have_a_bit_each()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        Doorbell[] doorbells = [.. Enumerable.Range(0, 64).Select(_ => _host.CreateDoorbell())];
        for (int bit = 0; bit < 64; bit++)
        {
            waiter.Add(doorbells[bit], bit);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => waiter.Add(doorbells[0], 64));
        Assert.Throws<InvalidOperationException>(() => waiter.Add(doorbells[0], 5));
        doorbells[0].Ring();
        doorbells[17].Ring();
        doorbells[63].Ring();
        Assert.Equal(1ul | (1ul << 17) | (1ul << 63), waiter.Wait(Time.In(5)));
        Array.ForEach(doorbells, doorbell => doorbell.Ring());
        Assert.Equal(ulong.MaxValue, waiter.Wait(Time.In(5)));
        Array.ForEach(doorbells, doorbell => doorbell.Dispose());
    }

    [Fact]
    public void Doorbells_share_a_bit()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        Doorbell[] doorbells = [.. Enumerable.Range(0, 200).Select(_ => _host.CreateDoorbell())];
        Array.ForEach(doorbells, doorbell => waiter.Add(doorbell, 3));
        foreach (Doorbell doorbell in doorbells)
        {
            doorbell.Ring();
            Assert.Equal(8ul, waiter.Wait(Time.In(5)));
        }

        waiter.Remove(doorbells[0]);
        doorbells[0].Ring();
        Assert.Equal(0ul, waiter.Wait(Time.Now));
        waiter.Add(doorbells[0], 1);
        Assert.Equal(2ul, waiter.Wait(Time.In(5)));
        doorbells[199].Ring();
        Assert.Equal(8ul, waiter.Wait(Time.In(5)));
        Array.ForEach(doorbells, doorbell => doorbell.Dispose());
    }

    [Fact]
    public void Rings_from_another_thread_wake_the_waiter()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell ping = _host.CreateDoorbell();
        using DoorbellWaiter otherWaiter = _host.CreateWaiter();
        using Doorbell pong = _host.CreateDoorbell();
        waiter.Add(ping, 1);
        otherWaiter.Add(pong, 2);
        const int Rounds = 2000;
        int heard = 0;
        Thread other = new(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                ping.Ring();
                heard += otherWaiter.Wait(Time.In(20)) == 4 ? 1 : 0;
            }
        });
        other.Start();
        for (int i = 0; i < Rounds; i++)
        {
            Assert.Equal(2ul, waiter.Wait(Time.In(20)));
            pong.Ring();
        }

        other.Join();
        Assert.Equal(Rounds, heard);
    }

    [Fact]
    public void A_doorbell_can_be_added_while_another_thread_waits()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell doorbell = _host.CreateDoorbell();
        ulong rang = 0;
        Thread thread = new(() => rang = waiter.Wait(Time.In(20)));
        thread.Start();
        Thread.Sleep(50);
        waiter.Add(doorbell, 7);
        doorbell.Ring();
        thread.Join();
        Assert.Equal(1ul << 7, rang);
    }

    [Fact]
    public void A_removed_doorbell_is_heard_no_more_and_its_bit_is_free()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell first = _host.CreateDoorbell();
        using Doorbell second = _host.CreateDoorbell();
        waiter.Add(first, 4);
        first.Ring();
        waiter.Remove(first);
        waiter.Remove(first);
        Assert.Equal(0ul, waiter.Wait(Time.Now));
        waiter.Add(second, 4);
        first.Ring();
        Assert.Equal(0ul, waiter.Wait(Time.Now));
        second.Ring();
        Assert.Equal(1ul << 4, waiter.Wait(Time.In(5)));
    }

    [Fact]
    public void A_doorbell_that_was_disposed_first_can_still_be_removed()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        Doorbell first = _host.CreateDoorbell();
        using Grant other = _host.ShareDoorbell(first, DoorbellEnd.Ring);
        waiter.Add(first, 0);
        first.Dispose();
        waiter.Remove(first);
        using Doorbell second = other.OpenDoorbell();
        second.Ring();
        Assert.Equal(0ul, waiter.Wait(Time.Now));
    }

    [Theory]
    [InlineData(0.0002)]
    [InlineData(0.003)]
    [InlineData(0.05)]
    public void A_wait_ends_at_its_deadline_and_not_before(double seconds)
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        long deadline = Time.In(seconds);
        Assert.Equal(0ul, waiter.Wait(deadline));
        Assert.True(Time.Now >= deadline);
        Assert.True(Time.Now < deadline + TimeProvider.System.TimestampFrequency);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    public void A_deadline_in_the_past_polls(long deadline)
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell doorbell = _host.CreateDoorbell();
        waiter.Add(doorbell, 0);
        Assert.Equal(0ul, waiter.Wait(deadline));
        doorbell.Ring();
        Assert.Equal(1ul, waiter.Wait(deadline));
    }

    [Fact]
    public void Any_descriptor_that_becomes_readable_can_be_waited_for()
    {
        using MessageChannel channel = _host.CreateChannel(out Grant peer);
        using LinuxGrant grant = (LinuxGrant)peer;
        using ReadableDoorbell doorbell = new(grant.Handle);
        using DoorbellWaiter waiter = _host.CreateWaiter();
        waiter.Add(doorbell, 11);
        channel.Send("x"u8, []);
        Assert.Equal(1ul << 11, waiter.Wait(Time.In(5)));
        Assert.Equal(1, doorbell.Cleared);
    }

    [Fact]
    public void Ringing_and_waiting_allocate_nothing()
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        using Doorbell doorbell = _host.CreateDoorbell();
        waiter.Add(doorbell, 0);
        Allocations.AssertNone(() =>
        {
            doorbell.Ring();
            _ = waiter.Wait(DoorbellWaiter.Forever);
            _ = waiter.Wait(0);
            _ = waiter.Wait(TimeProvider.System.GetTimestamp() + 1000);
        });
    }

    private sealed class ReadableDoorbell(SafeFileHandle handle) : LinuxDoorbell(handle)
    {
        internal int Cleared { get; private set; }

        public override void Ring() => throw new NotSupportedException();

        internal override void Clear() => Cleared++;
    }
}
