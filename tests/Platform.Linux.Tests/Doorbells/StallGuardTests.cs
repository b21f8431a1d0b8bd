using Makatea.Hostile;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>A peer that has a doorbell too clears O_NONBLOCK and sees to it that our call would wait for ever.</summary>
[Trait("Category", "Long")]
public sealed class StallGuardTests
{
    private static readonly TimeSpan _heldUp = (2 * StallGuard.Interval) + TimeSpan.FromSeconds(8);
    private static readonly TimeSpan _atOnce = StallGuard.Interval / 2;
    private readonly LinuxHost _host = new();

    [Fact]
    public void A_full_eventfd_holds_a_ring_up_once()
    {
        using Doorbell ours = OpenFull(out SafeFileHandle theirs);
        using (theirs)
        {
            Assert.True(Ends(ours.Ring, _heldUp), "the ring did not return");
            Assert.True(Ends(ours.Ring, _atOnce), "the second ring waited too");
            Assert.Equal(PeerDescriptor.FullCount, PeerDescriptor.Take(theirs));
        }
    }

    [Fact]
    public void A_full_pipe_holds_a_ring_up_once()
    {
        (SafeFileHandle read, SafeFileHandle write) = CreatePipe();
        using (read)
        using (write)
        {
            using Doorbell ours = new LinuxGrant(Duplicate(write)).OpenDoorbell();
            PeerDescriptor.FillPipe(write);
            PeerDescriptor.MakeBlocking(write);
            Assert.True(Ends(ours.Ring, _heldUp), "the ring did not return");
            Assert.True(Ends(ours.Ring, _atOnce), "the second ring waited too");
        }
    }

    [Fact]
    public void A_thread_that_was_started_with_the_signal_blocked_is_freed_as_well()
    {
        using Doorbell ours = OpenFull(out SafeFileHandle theirs);
        using (theirs)
        {
            Assert.True(Ends(
                () =>
                {
                    PeerDescriptor.BlockSignal(Libc.SIGURG);
                    ours.Ring();
                },
                _heldUp));
        }
    }

    [Fact]
    public void Several_threads_that_ring_the_same_bell_are_all_freed()
    {
        using Doorbell ours = OpenFull(out SafeFileHandle theirs);
        using (theirs)
        {
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(ours.Ring) { IsBackground = true })];
            Array.ForEach(threads, t => t.Start());
            Assert.All(threads, t => Assert.True(t.Join(_heldUp)));
        }
    }

    [Fact]
    public void An_emptied_eventfd_does_not_hold_the_waiter_up()
    {
        SafeFileHandle theirs = Create();
        using (theirs)
        {
            using Doorbell ours = new LinuxGrant(Duplicate(theirs)).OpenDoorbell();
            using DoorbellWaiter waiter = _host.CreateWaiter();
            waiter.Add(ours, 5);
            PeerDescriptor.MakeBlocking(theirs);
            Assert.True(Ends(
                () =>
                {
                    for (int i = 0; i < 100; i++)
                    {
                        PeerDescriptor.Add(theirs, 1);
                        Assert.Equal(1ul, PeerDescriptor.Take(theirs));
                        waiter.Wait(Time.In(0.0001));
                    }

                    PeerDescriptor.Add(theirs, 1);
                    Assert.Equal(1ul << 5, waiter.Wait(Time.In(5)));
                },
                TimeSpan.FromSeconds(10)));
        }
    }

    [Fact]
    public void An_emptied_pipe_does_not_hold_the_waiter_up()
    {
        (SafeFileHandle read, SafeFileHandle write) = CreatePipe();
        using (read)
        using (write)
        {
            using PipeDoorbell ours = (PipeDoorbell)new LinuxGrant(Duplicate(read)).OpenDoorbell();
            PeerDescriptor.MakeBlocking(read);

            // As if the peer had read between the waiter's wake-up and this.
            Assert.True(Ends(ours.Clear, _heldUp));
        }
    }

    [Fact]
    public void A_call_that_does_not_wait_is_left_alone_however_long_the_guard_looks()
    {
        using Doorbell doorbell = _host.CreateDoorbell();
        using DoorbellWaiter waiter = _host.CreateWaiter();
        waiter.Add(doorbell, 0);
        long end = Time.In(2.5 * StallGuard.Interval.TotalSeconds);
        while (Time.Now < end)
        {
            doorbell.Ring();
            Assert.Equal(1ul, waiter.Wait(Time.In(5)));
        }
    }

    [Fact]
    public void Threads_that_ended_are_forgotten()
    {
        using Doorbell doorbell = _host.CreateDoorbell();
        for (int i = 0; i < 50; i++)
        {
            Thread thread = new(doorbell.Ring);
            thread.Start();
            thread.Join();
        }

        // Others of these tests ring from a few threads of their own.
        Assert.True(SpinWait.SpinUntil(() => StallGuard.Count < 40, _heldUp), $"{StallGuard.Count} threads are looked at");
    }

    /// <summary>A doorbell whose peer has done all that it can to stop us.</summary>
    private static Doorbell OpenFull(out SafeFileHandle theirs)
    {
        theirs = Create();
        Doorbell ours = new LinuxGrant(Duplicate(theirs)).OpenDoorbell();
        PeerDescriptor.Add(theirs, PeerDescriptor.FullCount);
        PeerDescriptor.MakeBlocking(theirs);
        return ours;
    }

    private static SafeFileHandle Create() => new(Libc.EventFd(0, Libc.EFD_CLOEXEC), ownsHandle: true);

    private static SafeFileHandle Duplicate(SafeFileHandle descriptor) => new(Libc.Fcntl(descriptor, Libc.F_DUPFD_CLOEXEC, 0), ownsHandle: true);

    private static (SafeFileHandle Read, SafeFileHandle Write) CreatePipe()
    {
        using System.IO.Pipes.AnonymousPipeServerStream server = new(System.IO.Pipes.PipeDirection.Out);
        return (Take(server.ClientSafePipeHandle), Take(server.SafePipeHandle));

        static SafeFileHandle Take(SafePipeHandle pipe) => new(Libc.Fcntl((int)pipe.DangerousGetHandle(), Libc.F_DUPFD_CLOEXEC, 0), ownsHandle: true);
    }

    private static bool Ends(Action action, TimeSpan within)
    {
        Exception? fault = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                fault = e;
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        bool ended = thread.Join(within);
        Assert.Null(fault);
        return ended;
    }
}
