namespace Makatea.Vmm.Tests;

/// <summary>Posting from other threads: nothing is lost, and a vCPU is woken no more often than it looks.</summary>
public sealed class WakeTests
{
    private readonly ApicBed _bed = new();

    [Fact]
    public void A_vCPU_is_woken_once_until_it_looks()
    {
        OnOtherThread(() =>
        {
            _bed.Apic.Post(0x40, false);
            _bed.Apic.Post(0x41, false);
            _bed.Apic.PostNmi();
        });
        Assert.Equal(1, _bed.Wakes());
        Assert.True(_bed.Apic.HasInterrupt);
        OnOtherThread(() => _bed.Apic.Post(0x42, false));
        Assert.Equal(2, _bed.Wakes());
    }

    [Fact]
    public void An_APIC_that_is_switched_off_gives_no_interrupt_and_comes_back_without_one()
    {
        const ulong Off = LocalApic.Page | LocalApicMsr.BaseIsBootstrap;
        LocalApic apic = _bed.Apic;
        bool mustEnd = false;
        var poster = new Thread(() =>
        {
            while (!Volatile.Read(ref mustEnd))
            {
                apic.Post(0xf3, false);
            }
        });
        poster.IsBackground = true;
        poster.Start();
        for (int i = 0; i < 200_000; i++)
        {
            Assert.True(apic.TryWriteMsr(LocalApicMsr.Base, Off));
            Assert.False(apic.TryTakeInterrupt(out _));
            Assert.True(apic.TryWriteMsr(LocalApicMsr.Base, Off | LocalApicMsr.BaseIsEnabled));
            _bed.Write(LocalApicRegister.SpuriousVector, 0x1ff);
        }

        Volatile.Write(ref mustEnd, true);
        poster.Join();
    }

    [Fact]
    public void A_vCPU_that_sleeps_with_interrupts_off_is_woken_by_an_NMI_behind_a_vector()
    {
        OnOtherThread(() => _bed.Apic.Post(0x40, false));
        Assert.False(_bed.Apic.HasEvents); // all that it asks before it sleeps again
        OnOtherThread(_bed.Apic.PostNmi);
        Assert.Equal(2, _bed.Wakes());
    }

    [Fact]
    public void A_vCPU_does_not_wake_itself()
    {
        _ = _bed.Apic.HasInterrupt;
        _bed.Write(LocalApicRegister.Command, (1 << 18) | 0x40);
        Assert.Equal(0, _bed.Wakes());
        Assert.Equal((byte)0x40, _bed.Take());
    }

    [Fact]
    public void Threads_that_post_at_once_lose_neither_a_vector_nor_a_wake_up()
    {
        const int Posters = 3;
        const int Rounds = 5_000;
        using SemaphoreSlim wake = new(0);
        SteppedTime time = new();
        LocalApicBus bus = new();
        LocalApic apic = new(bus, 0, true, time.Queue, new TscClock(time.Clock, 1, () => 0), () => wake.Release());
        apic.Write(LocalApicRegister.SpuriousVector, 4, ApicBed.Enabled);
        int[] acknowledged = new int[Posters];
        Thread[] posters = [.. Enumerable.Range(0, Posters).Select(p => new Thread(() =>
        {
            // One vector for each, posted again only when it was taken: a lost one stops the test.
            for (int i = 1; i <= Rounds; i++)
            {
                bus.Deliver(new(0, false, DeliveryMode.Fixed, (byte)(0x40 + (p * 0x21)), p == 1));
                SpinWait spin = default;
                while (Volatile.Read(ref acknowledged[p]) < i)
                {
                    spin.SpinOnce();
                }
            }
        }))];
        Array.ForEach(posters, p => p.Start());
        int taken = 0;
        while (taken < Posters * Rounds)
        {
            if (apic.TryTakeInterrupt(out byte vector))
            {
                apic.Write(LocalApicRegister.EndOfInterrupt, 4, 0);
                taken++;
                Volatile.Write(ref acknowledged[(vector - 0x40) / 0x21], acknowledged[(vector - 0x40) / 0x21] + 1);
            }
            else
            {
                Assert.True(wake.Wait(TimeSpan.FromSeconds(20)), $"no wake-up after {taken}");
            }
        }

        Array.ForEach(posters, p => p.Join());
        Assert.False(apic.HasInterrupt);
    }

    private static void OnOtherThread(Action action)
    {
        Thread thread = new(() => action());
        thread.Start();
        thread.Join();
    }
}
