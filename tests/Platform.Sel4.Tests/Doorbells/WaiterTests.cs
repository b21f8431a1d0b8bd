namespace Makatea.Platform.Sel4.Tests;

/// <summary>Waiting for doorbells: of this component's threads, of other components, and until a time.</summary>
public sealed class WaiterTests : IDisposable
{
    private readonly ModelSystem _system = new();
    private readonly ModelComponent _client;
    private readonly ModelComponent _server;

    public WaiterTests()
    {
        _system.AddDisk("disk", 1 << 16);
        _client = new(_system, "client", _system.Disk("disk", serves: false));
        _server = new(_system, "server", _system.Disk("disk", serves: true));
    }

    private static long In(int milliseconds) => TimeProvider.System.GetTimestamp() + (milliseconds * TimeProvider.System.TimestampFrequency / 1000);

    public void Dispose() => _system.Dispose();

    [Fact]
    public void A_doorbell_rings_once_when_it_is_added_as_nobody_knows_of_rings_before()
    {
        using DoorbellWaiter waiter = _client.Component.Host.CreateWaiter();
        using Doorbell doorbell = _client.Component.Host.CreateDoorbell();
        waiter.Add(doorbell, 5);
        Assert.Equal(1ul << 5, waiter.Wait(DoorbellWaiter.Forever));
        Assert.Equal(0ul, waiter.Wait(0));
        doorbell.Ring();
        doorbell.Ring();
        Assert.Equal(1ul << 5, waiter.Wait(DoorbellWaiter.Forever));
        Assert.Equal(0ul, waiter.Wait(0));
    }

    [Fact]
    public void A_ring_from_another_thread_wakes_and_costs_a_signal_only_where_somebody_sleeps()
    {
        using DoorbellWaiter waiter = _client.Component.Host.CreateWaiter();
        using Doorbell doorbell = _client.Component.Host.CreateDoorbell();
        waiter.Add(doorbell, 63);
        Assert.Equal(1ul << 63, waiter.Wait(0));
        for (int i = 0; i < 100; i++)
        {
            doorbell.Ring();
        }

        Assert.Equal(0, _client.Waiter(0).Signals);
        Assert.Equal(1ul << 63, waiter.Wait(0));
        using Barrier barrier = new(2);
        Thread ringer = new(() =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                doorbell.Ring();
                barrier.SignalAndWait();
            }
        });
        ringer.Start();
        for (int i = 0; i < 10_000; i++)
        {
            Assert.Equal(1ul << 63, waiter.Wait(DoorbellWaiter.Forever));
            barrier.SignalAndWait();
        }

        ringer.Join();
    }

    [Fact]
    public void Nothing_is_heard_of_a_doorbell_that_was_removed()
    {
        using DoorbellWaiter waiter = _client.Component.Host.CreateWaiter();
        using Doorbell removed = _client.Component.Host.CreateDoorbell();
        using Doorbell kept = _client.Component.Host.CreateDoorbell();
        waiter.Add(removed, 0);
        waiter.Add(kept, 1);
        removed.Ring();
        waiter.Remove(removed);
        removed.Ring();
        Assert.Equal(2ul, waiter.Wait(0));
        Assert.Equal(0ul, waiter.Wait(0));
    }

    [Fact]
    public void A_doorbell_is_added_to_one_waiter_and_a_bit_is_shared()
    {
        using DoorbellWaiter first = _client.Component.Host.CreateWaiter();
        using DoorbellWaiter second = _client.Component.Host.CreateWaiter();
        using Doorbell doorbell = _client.Component.Host.CreateDoorbell();
        using Doorbell other = _client.Component.Host.CreateDoorbell();
        first.Add(doorbell, 0);
        Assert.Throws<InvalidOperationException>(() => second.Add(doorbell, 1));
        first.Add(other, 0);
        Assert.Equal(1ul, first.Wait(0));
        first.Remove(doorbell);
        other.Ring();
        Assert.Equal(1ul, first.Wait(0));
        first.Add(doorbell, 0);
        first.Dispose();
        second.Add(doorbell, 1);
        Assert.Equal(2ul, second.Wait(0));
    }

    [Fact]
    public void Waiters_come_back_and_what_one_did_not_hear_the_next_does_not()
    {
        using Doorbell bell = Bell(_client, "disk.reply");
        for (int i = 0; i < 3 * ModelComponent.Waiters; i++)
        {
            using DoorbellWaiter waiter = _client.Component.Host.CreateWaiter();
            waiter.Add(bell, 3);
            Assert.Equal(1ul << 3, waiter.Wait(0));
            Assert.Equal(0ul, waiter.Wait(0));
            _system.Doorbell("disk.reply").Ring();
        }

        List<DoorbellWaiter> all = [.. Enumerable.Range(0, ModelComponent.Waiters).Select(_ => _client.Component.Host.CreateWaiter())];
        Assert.Contains("waiters", Assert.Throws<IOException>(_client.Component.Host.CreateWaiter).Message, StringComparison.Ordinal);
        all.ForEach(w => w.Dispose());
    }

    [Fact]
    public void A_deadline_passes_and_a_later_one_sets_no_timer_before_the_first_went_off()
    {
        using DoorbellWaiter waiter = _client.Component.Host.CreateWaiter();
        using Doorbell doorbell = _client.Component.Host.CreateDoorbell();
        waiter.Add(doorbell, 0);
        Assert.Equal(1ul, waiter.Wait(0));
        long deadline = In(20);
        Assert.Equal(0ul, waiter.Wait(deadline));
        Assert.True(TimeProvider.System.GetTimestamp() >= deadline);
        Assert.Single(_client.LayerCalls);

        // Three waits that are cut short share the first one's timer; the fourth finds it gone off early, and sets its own.
        long first = In(200);
        for (int i = 0; i < 3; i++)
        {
            doorbell.Ring();
            Assert.Equal(1ul, waiter.Wait(In(10_000)));
        }

        Assert.Single(_client.LayerCalls);
        Thread ringer = new(doorbell.Ring);
        ringer.Start();
        _ = waiter.Wait(first);
        ringer.Join();
        int calls = _client.LayerCalls.Count;
        deadline = In(300);
        while (waiter.Wait(deadline) != 0)
        {
        }

        Assert.True(TimeProvider.System.GetTimestamp() >= deadline);
        Assert.InRange(_client.LayerCalls.Count, calls, calls + 2);
    }

    [Fact]
    public void Polling_at_a_deadline_that_passed_forgets_no_timer()
    {
        using DoorbellWaiter waiter = _client.Component.Host.CreateWaiter();
        using Doorbell doorbell = _client.Component.Host.CreateDoorbell();
        waiter.Add(doorbell, 0);
        Assert.Equal(1ul, waiter.Wait(0));
        using Timer ring = new(_ => doorbell.Ring(), null, 10, Timeout.Infinite);
        long deadline = In(1000);
        Assert.Equal(1ul, waiter.Wait(deadline));
        while (TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromMilliseconds(50))
        {
            Thread.Sleep(10);
        }

        // The timer's bit is taken by a poll; a wait after it needs a timer of its own.
        Assert.Equal(0ul, waiter.Wait(0));
        Assert.Equal(0ul, waiter.Wait(In(20)));
    }

    [Fact]
    public void A_shared_doorbell_rings_across_components()
    {
        using Doorbell ring = Bell(_client, "disk.kick0");
        using Doorbell hear = Bell(_server, "disk.kick0");
        ring.Ring();
        using DoorbellWaiter waiter = _server.Component.Host.CreateWaiter();
        waiter.Add(hear, 7);
        Assert.Equal(1ul << 7, waiter.Wait(0));
        ring.Ring();
        Assert.Equal(1ul << 7, waiter.Wait(DoorbellWaiter.Forever));
        waiter.Remove(hear);
        ring.Ring();
        Assert.Equal(0ul, waiter.Wait(0));

        // Somebody on our side may ring it, too, as a driver does that wakes its user.
        waiter.Add(hear, 2);
        Assert.Equal(4ul, waiter.Wait(0));
        hear.Ring();
        Assert.Equal(4ul, waiter.Wait(0));
    }

    [Fact]
    public void The_bits_that_badges_have_no_room_for_are_refused()
    {
        using Doorbell hear = Bell(_server, "disk.kick0");
        using DoorbellWaiter waiter = _server.Component.Host.CreateWaiter();
        Assert.Throws<ArgumentOutOfRangeException>(() => waiter.Add(hear, 62));
        Assert.Throws<ArgumentOutOfRangeException>(() => waiter.Add(hear, 64));
        waiter.Add(hear, 61);
    }

    [Fact]
    public void A_doorbell_of_another_host_is_refused()
    {
        using DoorbellWaiter waiter = _server.Component.Host.CreateWaiter();
        using ForeignDoorbell foreign = new();
        Assert.Throws<ArgumentException>(() => waiter.Add(foreign, 0));
    }

    private static Doorbell Bell(ModelComponent component, string name)
    {
        using Grant grant = component.Component.Grants.Open(new ManifestGrant(name, GrantType.Doorbell, 0));
        return grant.OpenDoorbell();
    }

    private sealed class ForeignDoorbell : Doorbell
    {
        public override void Ring()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
