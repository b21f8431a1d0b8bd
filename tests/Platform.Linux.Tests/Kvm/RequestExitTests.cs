using System.Diagnostics;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Platform.Linux.Tests;

/// <summary>No request to exit is lost, whenever it comes.</summary>
public sealed class RequestExitTests
{
    private const int Requests = 5000;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [SkippableFact]
    public void A_request_before_the_run_ends_it_before_an_instruction_is_run()
    {
        using TinyGuest guest = TinyGuest.Real(a => a.hlt());
        guest.Cpu.RequestExit();
        guest.Cpu.RequestExit();
        guest.RunTo(VmExitKind.Cancelled);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal(TinyGuest.CodeAddress, registers.Rip);
        guest.RunTo(VmExitKind.Halt);
    }

    [SkippableFact]
    public void A_request_takes_an_endless_loop_out_of_the_processor()
    {
        using TinyGuest guest = Spinning();
        for (int i = 0; i < 20; i++)
        {
            using Timer timer = new(_ => guest.Cpu.RequestExit(), null, 5, Timeout.Infinite);
            guest.RunTo(VmExitKind.Cancelled);
        }
    }

    /// <summary>Requests at every moment of a run's begin and end. One that were lost would leave the guest in its loop for ever: the requester waits for each.</summary>
    [SkippableFact]
    public void Thousands_of_requests_at_every_moment_are_all_seen()
    {
        using TinyGuest guest = Spinning();
        int asked = 0;
        int seen = 0;
        bool stuck = false;
        Thread requester = new(() =>
        {
            Random random = new(1);
            for (int i = 1; i <= Requests; i++)
            {
                Thread.SpinWait(random.Next(400));
                Volatile.Write(ref asked, i);
                guest.Cpu.RequestExit();
                long start = Stopwatch.GetTimestamp();
                while (Volatile.Read(ref seen) != i)
                {
                    if (Stopwatch.GetElapsedTime(start) > _patience)
                    {
                        Volatile.Write(ref stuck, true);
                        guest.Cpu.RequestExit();
                        return;
                    }

                    Thread.Yield();
                }
            }
        });
        requester.Start();
        int spurious = 0;
        while (Volatile.Read(ref seen) < Requests && !Volatile.Read(ref stuck))
        {
            guest.RunTo(VmExitKind.Cancelled);
            int now = Volatile.Read(ref asked);
            spurious += now == Volatile.Read(ref seen) ? 1 : 0;
            Volatile.Write(ref seen, now);
        }

        requester.Join();
        Assert.False(stuck, $"request {asked} was lost");
        Assert.Equal(0, spurious);
    }

    /// <summary>An exit that is there already is handed out first, and complete when the request is seen.</summary>
    [SkippableFact]
    public void A_request_during_an_access_comes_after_it()
    {
        using TinyGuest guest = TinyGuest.Long(a =>
        {
            a.mov(rbx, (long)TinyGuest.NowhereAddress);
            a.mov(rax, __qword_ptr[rbx]);
            a.hlt();
        });
        guest.RunTo(VmExitKind.Mmio);
        guest.Cpu.RequestExit();
        guest.Cpu.Complete(0x77);
        guest.RunTo(VmExitKind.Cancelled);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal(0x77ul, registers.Rax);
        guest.RunTo(VmExitKind.Halt);
    }

    [SkippableFact]
    public void A_request_amid_a_string_waits_for_its_elements()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.mov(di, 0x8000);
            a.mov(cx, 16);
            a.rep.insb();
            a.hlt();
        });
        int elements = 0;
        bool cancelled = false;
        for (; ; )
        {
            VmExitKind kind = guest.Cpu.Run().Kind;
            if (kind == VmExitKind.Halt)
            {
                break;
            }

            cancelled |= kind == VmExitKind.Cancelled;
            elements += kind == VmExitKind.Port ? 1 : 0;
            if (kind == VmExitKind.Port && elements == 3)
            {
                guest.Cpu.RequestExit();
            }
        }

        Assert.Equal((16, true), (elements, cancelled));
    }

    /// <summary>A device's thread may be late.</summary>
    [SkippableFact]
    public void A_request_after_the_processors_end_does_no_harm()
    {
        VirtualCpu cpu;
        using (TinyGuest guest = TinyGuest.Real(a => a.hlt()))
        {
            cpu = guest.Cpu;
            guest.RunTo(VmExitKind.Halt);
        }

        cpu.RequestExit();
        Assert.Throws<ObjectDisposedException>(() => _ = cpu.Run());
        Assert.Throws<ObjectDisposedException>(() => cpu.GetRegisters(out _));
        GC.KeepAlive(cpu);
    }

    /// <summary>The runtime stops threads by signals of its own; the guest does not notice.</summary>
    [SkippableFact]
    public void Collections_meanwhile_make_no_exit()
    {
        using TinyGuest guest = Spinning();
        using CancellationTokenSource stop = new();
        Thread collector = new(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                GC.Collect(0);
            }

            guest.Cpu.RequestExit();
        });
        collector.Start();
        guest.RunTo(VmExitKind.Cancelled);
        collector.Join();
    }

    private static TinyGuest Spinning() => TinyGuest.Real(a =>
    {
        Label again = a.CreateLabel();
        a.Label(ref again);
        a.inc(cx);
        a.jmp(again);
    });
}
