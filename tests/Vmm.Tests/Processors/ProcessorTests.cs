using Makatea.Platform;

namespace Makatea.Vmm.Tests;

/// <summary>The loop around a processor.</summary>
public sealed class ProcessorTests
{
    private static readonly VmExit _halt = new() { Kind = VmExitKind.Halt };

    [Fact]
    public void Ports_and_device_memory_are_answered()
    {
        using var bed = new ProcessorBed();
        bed.Run(
            new VmExit { Kind = VmExitKind.Port, Address = 0x82, Width = 2, IsWrite = true, Value = 0x1234 },
            new VmExit { Kind = VmExitKind.Port, Address = 0x84, Width = 1 },
            new VmExit { Kind = VmExitKind.Port, Address = 0x90, Width = 4 },
            new VmExit { Kind = VmExitKind.Mmio, Address = 0xd000_0010, Width = 8 },
            new VmExit { Kind = VmExitKind.Mmio, Address = LocalApic.Page + LocalApicRegister.Version, Width = 4 });
        Assert.Equal(["store 0x2, 2: 0x1234", "load 0x4, 1", "load 0x10, 8"], bed.Device.Accesses);
        Assert.Equal([0x88, uint.MaxValue, RecordingBus.Answer, 0x0105_0014], bed.Cpu.Answers);
    }

    [Fact]
    public void An_access_of_an_odd_width_is_made_of_bytes()
    {
        using var bed = new ProcessorBed();
        bed.Run(
            new VmExit { Kind = VmExitKind.Mmio, Address = 0xd000_0ffd, Width = 3 },
            new VmExit { Kind = VmExitKind.Mmio, Address = 0xd000_0000, Width = 3, IsWrite = true, Value = 0x332211 });
        Assert.Equal(["load 0xffd, 1", "load 0xffe, 1", "load 0xfff, 1", "store 0x0, 1: 0x11", "store 0x1, 1: 0x22", "store 0x2, 1: 0x33"], bed.Device.Accesses);
        Assert.Equal([0x888888ul], bed.Cpu.Answers);
    }

    [Fact]
    public void An_MSR_that_nobody_has_is_refused()
    {
        using var bed = new ProcessorBed();
        bed.Run(
            new VmExit { Kind = VmExitKind.ReadMsr, Address = 0x1234_5678 },
            new VmExit { Kind = VmExitKind.WriteMsr, Address = 0x1234_5678, Value = 1 },
            new VmExit { Kind = VmExitKind.ReadMsr, Address = LocalApicMsr.Base });
        Assert.Equal(2, bed.Cpu.Refusals);
        Assert.Equal([LocalApic.Page | LocalApicMsr.BaseIsEnabled | LocalApicMsr.BaseIsBootstrap], bed.Cpu.Answers);
    }

    [Fact]
    public void The_mode_of_the_APIC_is_shown_to_the_host()
    {
        using var bed = new ProcessorBed();
        const ulong Extended = LocalApic.Page | LocalApicMsr.BaseIsEnabled | LocalApicMsr.BaseIsBootstrap | LocalApicMsr.BaseIsExtended;
        bed.Run(
            new VmExit { Kind = VmExitKind.WriteMsr, Address = LocalApicMsr.Base, Value = Extended },
            new VmExit { Kind = VmExitKind.Mmio, Address = LocalApic.Page + LocalApicRegister.Version, Width = 4 });
        Assert.Equal(0, bed.Cpu.Refusals);
        Assert.Equal(Extended, bed.Cpu.System.ApicBase);
        Assert.Equal([(ulong)uint.MaxValue], bed.Cpu.Answers); // Registers are MSRs alone now.
    }

    [Fact]
    public void An_interrupt_waits_for_its_window()
    {
        using var bed = new ProcessorBed();
        bed.Cpu.TakesInterrupts = false;
        Assert.Equal(InterruptDelivery.Delivered, bed.Processor.Apic.Post(0x40, isLevel: false));
        (int Windows, int Interrupts) before = default;
        bed.Cpu.Script = () =>
        {
            if (bed.Cpu.TakesInterrupts)
            {
                bed.Processor.Stop();
                return null;
            }

            before = (bed.Cpu.Windows, bed.Cpu.Interrupts.Count);
            bed.Cpu.TakesInterrupts = true;
            return new VmExit { Kind = VmExitKind.InterruptWindow };
        };
        bed.Start();
        ProcessorBed.Until(() => bed.Processor.State == ProcessorState.Stopped);
        Assert.True(before.Windows > 0);
        Assert.Equal(0, before.Interrupts);
        Assert.Equal([(byte)0x40], bed.Cpu.Interrupts);
        Assert.Equal(before.Windows, bed.Cpu.Windows);
    }

    [Fact]
    public void A_processor_that_halts_is_woken_by_each_interrupt()
    {
        const int Rounds = 50_000;
        using var bed = new ProcessorBed();
        int taken = 0;
        bed.Cpu.Script = () =>
        {
            // The guest's handler, which ends its interrupt and halts again.
            if (bed.Cpu.Interrupts.Count > taken)
            {
                bed.Processor.Apic.Write(LocalApicRegister.EndOfInterrupt, 4, 0);
                Volatile.Write(ref taken, bed.Cpu.Interrupts.Count);
            }

            return _halt;
        };
        bed.Start();
        for (int i = 1; i <= Rounds; i++)
        {
            // At every moment of its way to sleep.
            Thread.SpinWait(i % 256);
            bed.Processor.Apic.Post(0x40, isLevel: false);
            long deadline = Environment.TickCount64 + 30_000;
            while (Volatile.Read(ref taken) != i)
            {
                Assert.True(Environment.TickCount64 < deadline, $"interrupt {i} was lost");
            }
        }
    }

    [Fact]
    public void A_processor_that_halts_with_interrupts_off_is_woken_by_an_NMI_alone()
    {
        using var bed = new ProcessorBed();
        bed.Cpu.TakesInterrupts = false;
        bed.Cpu.Script = () => _halt;
        bed.Start();
        ProcessorBed.Until(() => bed.Processor.State == ProcessorState.Halted);
        long exits = bed.Processor.Exits;
        bed.Processor.Apic.Post(0x40, isLevel: false);
        Thread.Sleep(50);
        Assert.Equal(exits, bed.Processor.Exits);
        bed.Processor.Apic.PostNmi();
        ProcessorBed.Until(() => bed.Cpu.Nmis == 1 && bed.Processor.Exits > exits);
    }

    [Fact]
    public void INIT_and_a_start_up_begin_at_a_page()
    {
        using var bed = new ProcessorBed(isBootstrap: false);
        bed.Start();
        Thread.Sleep(20);
        Assert.Equal(ProcessorState.WaitingForStartUp, bed.Processor.State);
        Assert.Equal(0, bed.Processor.Exits);
        bed.Cpu.Script = () => _halt;
        bed.Processor.Apic.PostInit();
        bed.Processor.Apic.PostStartUp(0x9a);
        ProcessorBed.Until(() => bed.Processor.State == ProcessorState.Halted);
        Assert.Equal(((ushort)0x9a00, 0x9a000ul, 0ul), (bed.Cpu.System.Cs.Selector, bed.Cpu.System.Cs.Base, bed.Cpu.Registers.Rip));

        // One that runs takes no other start-up.
        bed.Cpu.Registers.Rip = 0x1234;
        bed.Processor.Apic.PostStartUp(0x10);
        bed.Processor.Apic.PostNmi();
        ProcessorBed.Until(() => bed.Cpu.Nmis == 1);
        Assert.Equal(0x1234ul, bed.Cpu.Registers.Rip);
    }

    [Fact]
    public void A_pause_stands_it_still_until_it_may_go_on()
    {
        using var bed = new ProcessorBed();
        bed.Cpu.Script = () => new VmExit { Kind = VmExitKind.InterruptWindow };
        bed.Start();
        for (int i = 0; i < 200; i++)
        {
            bed.Processor.Pause();
            bed.Processor.WaitUntilParked();
            long exits = bed.Processor.Exits;
            Thread.Yield();
            Assert.Equal(exits, bed.Processor.Exits);
            bed.Processor.Resume();
            ProcessorBed.Until(() => bed.Processor.Exits > exits);
        }
    }

    /// <summary>It may not have noticed yet that it could go on.</summary>
    [Fact]
    public async Task A_pause_right_behind_the_end_of_another_holds()
    {
        using var bed = new ProcessorBed();
        bed.Cpu.Script = () => new VmExit { Kind = VmExitKind.InterruptWindow };
        bed.Processor.Pause();
        bed.Start();
        for (int i = 0; i < 20_000; i++)
        {
            bed.Processor.Resume();
            bed.Processor.Pause();
            await (i % 1000 == 0 ? Task.Run(bed.Processor.WaitUntilParked) : Task.CompletedTask).WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    [Fact]
    public void One_that_was_paused_before_it_ran_stands_still_before_its_first_instruction()
    {
        using var bed = new ProcessorBed();
        bed.Cpu.Script = () => new VmExit { Kind = VmExitKind.InterruptWindow };
        bed.Processor.Pause();
        bed.Start();
        bed.Processor.WaitUntilParked();
        Assert.Equal(0, bed.Processor.Exits);
        bed.Processor.Resume();
        ProcessorBed.Until(() => bed.Processor.Exits > 0);
    }

    [Fact]
    public async Task Nobody_waits_for_the_pause_of_one_that_has_ended()
    {
        using var bed = new ProcessorBed();
        bed.Cpu.Script = () => new VmExit { Kind = VmExitKind.Shutdown };
        bed.Start();
        ProcessorBed.Until(() => bed.Processor.State == ProcessorState.Stopped);
        bed.Processor.Pause();
        await Task.Run(bed.Processor.WaitUntilParked).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData(VmExitKind.Shutdown, "triple fault", true)]
    [InlineData(VmExitKind.EntryFailure, "EntryFailure 0x21", false)]
    [InlineData(VmExitKind.HostFailure, "HostFailure 0x21", false)]
    [InlineData(VmExitKind.UnknownInstruction, "the host does not know the instruction at 0x1000: ", false)]
    public void What_a_guest_cannot_go_on_from_ends_it_with_a_report(VmExitKind kind, string reason, bool isTripleFault)
    {
        using var bed = new ProcessorBed();
        bed.Cpu.Registers.Rip = 0x1000;
        bed.Cpu.Script = () => new VmExit { Kind = kind, Value = 0x21 };
        bed.Start();
        ProcessorBed.Until(() => bed.Processor.State == ProcessorState.Stopped);
        Assert.Equal(new ProcessorFault(0, reason, isTripleFault), bed.Fault);
    }
}
