using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Registers, CPUID, time stamp counter; the whole state taken from one processor and put into another.</summary>
public sealed class StateTests
{
    private const uint LongStar = 0xc0000082;

    [SkippableFact]
    public void A_new_processor_is_as_after_reset()
    {
        using VirtualMachine machine = KvmBed.Open().CreateMachine();
        using VirtualCpu cpu = machine.CreateCpu(0);
        cpu.GetRegisters(out CpuRegisters registers);
        cpu.GetSystemRegisters(out CpuSystemRegisters system);

        // EDX is the processor's signature, which CPUID has not been told yet.
        Assert.Equal(CpuRegisters.AfterReset((uint)registers.Rdx), registers);
        AssertReset(0xfee00900, system);
        Assert.False(cpu.CanInjectInterrupt);
        using VirtualCpu second = machine.CreateCpu(1);
        second.GetSystemRegisters(out system);
        AssertReset(0xfee00800, system);
        Assert.Equal((0u, 1u), (cpu.Id, second.Id));
        Assert.Contains("processor 1", Assert.Throws<IOException>(() => machine.CreateCpu(1)).Message);

        // On AMD's processors KVM starts with segments that were not accessed, and a task state of 16 bits.
        static void AssertReset(ulong apicBase, CpuSystemRegisters read)
        {
            CpuSystemRegisters expected = CpuSystemRegisters.AfterReset(apicBase);
            read.Cs = read.Cs with { Rights = read.Cs.Rights | 1 };
            read.Ss = read.Ss with { Rights = read.Ss.Rights | 1 };
            read.Tr = read.Tr with { Rights = read.Tr.Rights | 8 };
            Assert.Equal(expected, read);
        }
    }

    [SkippableFact]
    public void Registers_are_what_was_set()
    {
        using TinyGuest guest = TinyGuest.Long(a => a.hlt());
        CpuRegisters registers = new() { Rip = TinyGuest.CodeAddress, Rflags = 0x247 };
        for (int i = 0; i < 16; i++)
        {
            registers[i] = 0x1111111111111111ul * (ulong)i;
        }

        guest.Cpu.SetRegisters(registers);
        guest.Cpu.GetRegisters(out CpuRegisters read);
        Assert.Equal(registers, read);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out read);
        Assert.Equal(registers with { Rip = registers.Rip + 1 }, read);
        Assert.Equal((registers.Rcx, registers.Rsp, registers.R15), (read[1], read[4], read[15]));
    }

    [SkippableFact]
    public void System_registers_are_what_was_set()
    {
        using TinyGuest guest = TinyGuest.Long(a => a.hlt());
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
        system.Fs = system.Fs with { Base = 0x7fff12345678 };
        system.Gs = system.Gs with { Base = 0xffff888012345678 };
        system.Cr2 = 0xffff888087654321;
        system.Cr8 = 7;
        system.Tr = new(0x28, 0xffff888000001000, 0x67, 0x8b);
        guest.Cpu.SetSystemRegisters(system);
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters read);
        Assert.Equal(system, read);
        Assert.Equal(7, guest.Cpu.TaskPriority);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetSystemRegisters(out read);
        Assert.Equal(7ul, read.Cr8);
        Assert.Contains("contradict", Assert.Throws<IOException>(() => guest.Cpu.SetSystemRegisters(system with { Cr4 = 0 })).Message);
    }

    [SkippableFact]
    public void Cpuid_answers_what_was_set()
    {
        using TinyGuest guest = TinyGuest.Long(a =>
        {
            a.mov(eax, 0x40000000);
            a.cpuid();
            a.hlt();
            a.mov(eax, 7);
            a.xor(ecx, ecx);
            a.cpuid();
            a.hlt();
        });
        CpuidEntry[] table =
        [
            .. from e in guest.Machine.Info.Cpuid where e.Leaf < 0x40000000 || e.Leaf >= 0x80000000 select e.Leaf == 7 && e.Subleaf == 0 ? e with { Ebx = 0 } : e,
            new(0x40000000, null, 1, 2, 3, 4),
        ];
        guest.Cpu.SetCpuid(table);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters r);
        Assert.Equal((1ul, 2ul, 3ul, 4ul), (r.Rax, r.Rbx, r.Rcx, r.Rdx));
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out r);
        guest.SkipIfEmulated(r.Rbx != 0, "lets CPUID through");
        Assert.Equal(0ul, r.Rbx);
        Assert.Contains(guest.Machine.Info.Cpuid, e => e is { Leaf: 7, Subleaf: 0 });
        Assert.Contains("KVM_SET_CPUID2", Assert.Throws<IOException>(() => guest.Cpu.SetCpuid(new CpuidEntry[10_000])).Message);
    }

    [SkippableFact]
    public void The_time_stamp_counter_goes_at_its_frequency()
    {
        using TinyGuest guest = TinyGuest.Long(a =>
        {
            Label again = a.CreateLabel();
            a.Label(ref again);
            a.rdtsc();
            a.hlt();
            a.jmp(again);
        });
        Skip.If(guest.Cpu.TscFrequency == 0, "this KVM does not tell the frequency of the time stamp counter");
        const ulong Start = 1ul << 40;
        guest.Cpu.Tsc = Start;
        TimeProvider clock = TimeProvider.System;
        ulong before = Read();
        long start = clock.GetTimestamp();
        guest.SkipIfEmulated(before - Start > guest.Cpu.TscFrequency, "has the host's time stamp counter");
        Assert.InRange(before, Start, Start + guest.Cpu.TscFrequency);
        Thread.Sleep(300);
        double ticks = Read() - before;
        Assert.InRange(ticks / clock.GetElapsedTime(start).TotalSeconds / guest.Cpu.TscFrequency, 0.8, 1.2);

        ulong Read()
        {
            guest.RunTo(VmExitKind.Halt);
            guest.Cpu.GetRegisters(out CpuRegisters registers);
            return (registers.Rdx << 32) | registers.Rax;
        }
    }

    [SkippableFact]
    public void A_frequency_that_the_processor_cannot_give_is_refused()
    {
        using TinyGuest guest = TinyGuest.Real(a => a.hlt());
        ulong hosts = guest.Cpu.TscFrequency;
        Assert.True(guest.Cpu.TrySetTscFrequency(hosts));
        Assert.False(guest.Cpu.TrySetTscFrequency(0));
        Assert.False(guest.Cpu.TrySetTscFrequency(ulong.MaxValue));
        Assert.Equal(guest.Machine.Info.CanScaleTsc, guest.Cpu.TrySetTscFrequency(hosts / 2));
        Assert.Equal(guest.Machine.Info.CanScaleTsc ? hosts / 2 : hosts, guest.Cpu.TscFrequency, (a, b) => Math.Abs((long)(a - b)) <= 1000);
    }

    /// <summary>All kinds of state are set by a guest in one machine; another goes on with it.</summary>
    [SkippableFact]
    public void A_saved_processor_goes_on_elsewhere()
    {
        using TinyGuest guest = Computing();
        guest.Machine.AllowMsrs([new(LongStar, 1, MemoryAccess.ReadWrite)]);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.InjectNmi();
        CpuState state = guest.Cpu.SaveState();
        Assert.Equal((0x1234000000ul, 0x1122ul), (state.DebugRegisters.Dr0, state.Msrs.Single(m => m.Number == LongStar).Value));
        Assert.True(state.Events.IsNmiPending);

        using TinyGuest other = Computing();
        other.Cpu.RestoreState(CpuState.FromBytes(state.ToBytes()));
        CpuState again = other.Cpu.SaveState();
        Assert.Equal(state.Registers, again.Registers);
        Assert.Equal(state.SystemRegisters, again.SystemRegisters);
        Assert.Equal(state.DebugRegisters, again.DebugRegisters);
        Assert.Equal(state.Xcr0, again.Xcr0);
        Assert.Equal(state.Events, again.Events);
        Assert.True(state.ExtendedState.Span.SequenceEqual(again.ExtendedState.Span));
        Assert.Equal(state.Msrs.Where(IsStill), again.Msrs.Where(IsStill));

        // Its NMI handler, then what was behind the first HLT: XMM1 and a register of before.
        other.Handle(2, a => a.iretq());
        other.RunTo(VmExitKind.Halt);
        other.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0xfeedul, 0xbeeful), (registers.Rcx, registers.Rbx));

        // Clocks go on.
        static bool IsStill(MsrValue msr) => msr.Number is not (0x10 or 0xe7 or 0xe8);
    }

    [SkippableFact]
    public void A_processor_amid_an_access_is_not_saved()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.@in(al, 0x60);
            a.hlt();
        });
        _ = guest.Cpu.SaveState();
        guest.RunTo(VmExitKind.Port);
        Assert.Contains("not complete", Assert.Throws<InvalidOperationException>(() => _ = guest.Cpu.SaveState()).Message);
        guest.Cpu.Complete(0x42);
        guest.Cpu.RequestExit();
        guest.RunTo(VmExitKind.Cancelled);
        Assert.Equal((0x42ul, TinyGuest.CodeAddress + 2ul), (guest.Cpu.SaveState().Registers.Rax & 0xff, guest.Cpu.SaveState().Registers.Rip));
    }

    [SkippableFact]
    public void A_state_that_cannot_be_is_refused()
    {
        using TinyGuest guest = Computing();
        CpuState state = guest.Cpu.SaveState();
        Assert.Throws<ArgumentException>(() => guest.Cpu.RestoreState(state with { ExtendedState = new byte[512] }));
        Assert.Contains("XCR0", Assert.Throws<IOException>(() => guest.Cpu.RestoreState(state with { Xcr0 = 1ul << 60 | 1 })).Message);
        Assert.Contains("MSR 0x12345678", Assert.Throws<IOException>(() => guest.Cpu.RestoreState(state with { Msrs = [new(0x12345678, 1)] })).Message);
        guest.Cpu.RestoreState(state with { Msrs = [new(0x12345678, 0)] });
    }

    [Fact]
    public void Events_keep_what_they_are()
    {
        CpuEvents events = new()
        {
            Exception = new(14, 2),
            Interrupt = 0x80,
            IsInterruptSoftware = true,
            IsShadowOfSti = true,
            IsNmiPending = true,
            IsNmiMasked = true,
        };
        Assert.Equal(events, KvmEventsForm.From(KvmEventsForm.To(events)));
        events = new() { IsShadowOfMovSs = true, IsNmiInjected = true, Exception = new(6, null) };
        Assert.Equal(events, KvmEventsForm.From(KvmEventsForm.To(events)));
        Assert.Equal(default, KvmEventsForm.From(KvmEventsForm.To(default)));
    }

    [Fact]
    public void Segments_keep_their_rights()
    {
        CpuSystemRegisters registers = CpuSystemRegisters.AfterReset();
        registers.Cs = CpuSegment.Code64(0x10);
        registers.Ss = CpuSegment.Data(0x18) with { Rights = 0xd0f3 };
        registers.Gs = new(0, 0, 0, CpuSegment.Unusable);
        Assert.Equal(registers, KvmRegisters.From(KvmRegisters.To(registers)));
        Libc.KvmSegment raw = KvmRegisters.To(registers).Cs;
        Assert.Equal((11, 1, 0, 0, 1, 1, 1), (raw.Type, raw.Present, raw.Dpl, raw.Db, raw.S, raw.L, raw.G));
    }

    private static TinyGuest Computing() => TinyGuest.Long(a =>
    {
        a.mov(rax, 0x1234000000);
        a.mov(dr0, rax);
        a.mov(ecx, LongStar);
        a.mov(eax, 0x1122);
        a.xor(edx, edx);
        a.wrmsr();
        a.mov(eax, 0xfeed);
        a.movd(xmm1, eax);
        a.mov(ebx, 0xbeef);
        a.hlt();
        a.movd(ecx, xmm1);
        a.hlt();
    });
}
