using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform.Linux;

namespace Makatea.Vmm.Tests;

public sealed class DeadlineQueueTests
{
    private readonly SteppedTime _time = new();

    [Fact]
    public void Any_timers_armed_moved_and_cancelled_expire_in_order_and_once() => Prop.ForAll<(byte Timer, short Due, bool Cancel)[]>(steps =>
    {
        SteppedTime time = new();
        long start = time.Clock.Now;
        List<(int Timer, long At)> expired = [];
        Dictionary<int, long> expected = [];
        DeadlineTimer[] timers = [.. Enumerable.Range(0, 20).Select(i => time.Queue.CreateTimer(() => expired.Add((i, time.Clock.Now - start))))];
        foreach ((byte number, short due, bool cancel) in steps)
        {
            int timer = number % timers.Length;
            if (cancel)
            {
                timers[timer].Cancel();
                expected.Remove(timer);
            }
            else
            {
                timers[timer].Arm(start + due);
                expected[timer] = Math.Max(0, (int)due); // what is past is due now
            }

            Assert.Equal(expected.Count == 0, time.Queue.NextDue is null);
        }

        time.Step(short.MaxValue);
        Assert.Equal(expected.Select(e => (e.Key, e.Value)).Order(), expired.Order());
        Assert.Equal(expired.Select(e => e.At).Order(), expired.Select(e => e.At));
        Assert.Null(time.Queue.NextDue);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Nothing_is_due_while_the_clock_is_paused()
    {
        int calls = 0;
        DeadlineTimer timer = _time.Queue.CreateTimer(() => calls++);
        timer.Arm(_time.Clock.Now + 100);
        _time.Jump(60);
        _time.Clock.Pause();
        long paused = _time.Clock.Now;
        _time.Jump(1000);
        Assert.Equal(paused, _time.Clock.Now);
        Assert.Equal(0, _time.Queue.RunDue());
        _time.Clock.Resume();
        Assert.Equal(paused, _time.Clock.Now);
        _time.Step(39);
        Assert.Equal(0, calls);
        _time.Step(1);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void A_timer_that_arms_itself_in_the_past_does_not_keep_the_thread()
    {
        DeadlineTimer? timer = null;
        int calls = 0;
        timer = _time.Queue.CreateTimer(() =>
        {
            calls++;
            timer!.Arm(0);
        });
        timer.Arm(0);
        Assert.Equal(1, _time.Queue.RunDue());
        Assert.Equal(1, calls);
    }

    [Fact]
    public void Arming_and_cancelling_allocate_nothing()
    {
        DeadlineTimer[] timers = [.. Enumerable.Range(0, 40).Select(_ => _time.Queue.CreateTimer(() => { }))];
        Array.ForEach(timers, t => t.Arm(5));
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (DeadlineTimer timer in timers)
        {
            timer.Arm(1);
            timer.Cancel();
            timer.Arm(3);
        }

        _time.Queue.RunDue();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void The_thread_wakes_for_what_is_armed_earlier_than_it_sleeps()
    {
        GuestClock clock = new(TimeProvider.System);
        using DeadlineQueue queue = new(clock);
        queue.Start(new LinuxHost());
        using ManualResetEventSlim expired = new();
        DeadlineTimer late = queue.CreateTimer(() => { });
        DeadlineTimer soon = queue.CreateTimer(expired.Set);
        late.Arm(clock.Now + (3600 * GuestClock.Second));
        for (int i = 0; i < 100; i++)
        {
            expired.Reset();
            long due = clock.Now + 200_000;
            soon.Arm(due);
            Assert.True(expired.Wait(TimeSpan.FromSeconds(20)));
            Assert.True(clock.Now >= due);
        }
    }

    [Fact]
    public void The_thread_goes_on_after_a_pause()
    {
        GuestClock clock = new(TimeProvider.System);
        using DeadlineQueue queue = new(clock);
        queue.Start(new LinuxHost());
        using ManualResetEventSlim expired = new();
        clock.Pause();
        queue.CreateTimer(expired.Set).Arm(clock.Now + 1000);
        Assert.False(expired.Wait(TimeSpan.FromMilliseconds(50)));
        clock.Resume();
        Assert.True(expired.Wait(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void Threads_that_arm_and_cancel_at_once_lose_no_deadline()
    {
        GuestClock clock = new(TimeProvider.System);
        using DeadlineQueue queue = new(clock);
        queue.Start(new LinuxHost());
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            using SemaphoreSlim expired = new(0);
            DeadlineTimer other = queue.CreateTimer(() => { });
            DeadlineTimer mine = queue.CreateTimer(() => expired.Release());
            for (int i = 0; i < 300; i++)
            {
                other.Arm(clock.Now + (i * 1000));
                mine.Arm(clock.Now + (i % 7 * 10_000));
                other.Cancel();
                Assert.True(expired.Wait(TimeSpan.FromSeconds(20)));
            }
        });
    }
}
