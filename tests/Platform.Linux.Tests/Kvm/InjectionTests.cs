using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Interrupts, NMIs and exceptions, and when a guest takes them. Handlers write to port 0x80 what they handle.</summary>
public sealed class InjectionTests
{
    private const byte Vector = 0x40;
    private const byte OtherVector = 0x50;
    private const string NoWindow = "opens no window where the guest makes no exit by itself";

    public static TheoryData<int> Modes => [16, 32, 64];

    [SkippableTheory]
    [MemberData(nameof(Modes))]
    public void An_interrupt_waits_for_its_window(int bits)
    {
        using TinyGuest guest = Create(bits, a =>
        {
            a.@out(0x10, al);
            a.sti();
            a.nop();
            a.nop();
            a.hlt();
            a.@out(0x11, al);
            a.hlt();
        });
        Handle(guest, Vector);

        // IF is 0: no window, whatever the exit.
        guest.RunToPort(0x10);
        Assert.False(guest.Cpu.CanInjectInterrupt);
        Assert.Throws<InvalidOperationException>(() => guest.Cpu.InjectInterrupt(Vector));
        guest.Cpu.RequestInterruptWindow();
        guest.RunTo(VmExitKind.InterruptWindow, NoWindow);
        Assert.True(guest.Cpu.CanInjectInterrupt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.NotEqual(0ul, registers.Rflags & CpuRegisters.InterruptFlag);
        guest.Cpu.InjectInterrupt(Vector);
        Assert.False(guest.Cpu.CanInjectInterrupt);
        Assert.Throws<InvalidOperationException>(() => guest.Cpu.InjectInterrupt(Vector));
        AssertHandled(guest, Vector);
        guest.RunTo(VmExitKind.Halt);
        Assert.True(guest.Cpu.CanInjectInterrupt);
    }

    /// <summary>A second one that waits is injected as soon as the handler of the first is left.</summary>
    [SkippableFact]
    public void Windows_come_one_after_the_other()
    {
        using TinyGuest guest = Create(64, a =>
        {
            a.sti();
            a.nop();
            a.hlt();
            a.hlt();
        });
        Handle(guest, Vector);
        Handle(guest, OtherVector);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.InjectInterrupt(Vector);
        guest.Cpu.RequestInterruptWindow();
        VmExit first = guest.RunTo(VmExitKind.Port);
        Assert.Equal(Vector, (byte)first.Value);
        Assert.False(guest.Cpu.CanInjectInterrupt);
        guest.Cpu.RequestInterruptWindow();
        guest.RunTo(VmExitKind.InterruptWindow, NoWindow);
        guest.Cpu.InjectInterrupt(OtherVector);
        AssertHandled(guest, OtherVector);
        guest.RunTo(VmExitKind.Halt);
    }

    /// <summary>[SDM] 3A 6.8.3: the instruction after STI and after MOV SS is not interrupted.</summary>
    [SkippableFact]
    public void No_window_opens_in_the_shadow_of_sti()
    {
        using TinyGuest guest = Create(64, a =>
        {
            a.@out(0x10, al);
            a.sti();
            a.@out(0x11, al);
            a.hlt();
        });
        guest.RunToPort(0x10);
        guest.Cpu.RequestInterruptWindow();
        VmExit exit = guest.RunTo(VmExitKind.Port);
        Assert.Equal(0x11ul, exit.Address);
        guest.Cpu.RequestInterruptWindow();
        guest.RunTo(VmExitKind.InterruptWindow, NoWindow);
        guest.RunTo(VmExitKind.Halt);
    }

    [SkippableFact]
    public void An_interrupt_ends_a_halt()
    {
        using TinyGuest guest = Create(64, a =>
        {
            Label again = a.CreateLabel();
            a.sti();
            a.Label(ref again);
            a.hlt();
            a.inc(rcx);
            a.jmp(again);
        });
        Handle(guest, Vector);
        guest.RunTo(VmExitKind.Halt);
        for (ulong i = 0; i < 100; i++)
        {
            Assert.True(guest.Cpu.CanInjectInterrupt);
            guest.Cpu.InjectInterrupt(Vector);
            AssertHandled(guest, Vector);
            guest.RunTo(VmExitKind.Halt);
            guest.Cpu.GetRegisters(out CpuRegisters registers);
            Assert.Equal(i + 1, registers.Rcx);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Modes))]
    public void An_NMI_needs_no_window_and_masks_the_next_until_iret(int bits)
    {
        using TinyGuest guest = Create(bits, a =>
        {
            a.@out(0x10, al);
            a.@out(0x11, al);
            a.hlt();
        });
        guest.Handle(2, a =>
        {
            a.@out(0x20, al);
            a.@out(0x21, al);
            Return(a);
        });
        guest.RunToPort(0x10);
        guest.Cpu.InjectNmi();
        guest.RunToPort(0x20, "takes NMIs late");
        guest.Cpu.InjectNmi();
        guest.RunToPort(0x21);
        guest.RunToPort(0x20, "takes NMIs late");
        guest.RunToPort(0x21);
        guest.RunToPort(0x11);
        guest.RunTo(VmExitKind.Halt);
    }

    [SkippableTheory]
    [InlineData(6, null, 32)]
    [InlineData(6, null, 64)]
    [InlineData(13, 0u, 32)]
    [InlineData(13, 0x58u, 64)]
    [InlineData(14, 2u, 64)]
    public void An_exception_has_its_error_code(byte vector, uint? errorCode, int bits)
    {
        using TinyGuest guest = Create(bits, a =>
        {
            a.hlt();
            a.nop();
            a.hlt();
        });
        guest.Handle(vector, a =>
        {
            if (bits == 64)
            {
                a.pop(rcx);
                a.mov(rdx, cr2);
            }
            else
            {
                a.pop(ecx);
            }

            a.hlt();
        });
        guest.RunTo(VmExitKind.Halt);
        if (vector == 14)
        {
            guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
            guest.Cpu.SetSystemRegisters(system with { Cr2 = 0x123456 });
        }

        guest.Cpu.InjectException(vector, errorCode);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);

        // Without an error code what the handler pops is the address to return to: behind the first HLT.
        Assert.Equal(errorCode ?? TinyGuest.CodeAddress + 1u, registers.Rcx);
        if (vector == 14)
        {
            Assert.Equal(0x123456ul, registers.Rdx);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => guest.Cpu.InjectException(32, null));
    }

    /// <summary>CR8 is kept for the guest, and a guest that lowers it is told of, as what waited for it may be due.</summary>
    [SkippableFact]
    public void Task_priority_is_the_VMMs_as_well()
    {
        using TinyGuest guest = Create(64, a =>
        {
            a.mov(rcx, cr8);
            a.mov(eax, 9);
            a.mov(cr8, rax);
            a.hlt();
            a.mov(eax, 3);
            a.mov(cr8, rax);
            a.hlt();
        });
        guest.Cpu.TaskPriority = 5;
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(9, guest.Cpu.TaskPriority);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal(5ul, registers.Rcx);
        guest.RunTo(VmExitKind.TaskPriorityLowered, "does not tell of CR8");
        Assert.Equal(3, guest.Cpu.TaskPriority);
        guest.RunTo(VmExitKind.Halt);
        Assert.Throws<ArgumentOutOfRangeException>(() => guest.Cpu.TaskPriority = 16);
    }

    /// <summary>What KVM said of the window is of the registers at the exit.</summary>
    [SkippableFact]
    public void Setting_registers_closes_the_window()
    {
        using TinyGuest guest = Create(64, a =>
        {
            a.sti();
            a.nop();
            a.hlt();
            a.hlt();
        });
        guest.RunTo(VmExitKind.Halt);
        Assert.True(guest.Cpu.CanInjectInterrupt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        registers.Rflags = CpuRegisters.ReservedFlag;
        guest.Cpu.SetRegisters(registers);
        Assert.False(guest.Cpu.CanInjectInterrupt);
        guest.RunTo(VmExitKind.Halt);
        Assert.False(guest.Cpu.CanInjectInterrupt);
    }

    internal static TinyGuest Create(int bits, Action<Assembler> code) => bits switch
    {
        16 => TinyGuest.Real(code),
        32 => TinyGuest.Protected(code),
        _ => TinyGuest.Long(code),
    };

    internal static void Return(Assembler a)
    {
        switch (a.Bitness)
        {
            case 16:
                a.iret();
                break;
            case 32:
                a.iretd();
                break;
            default:
                a.iretq();
                break;
        }
    }

    internal static void Handle(TinyGuest guest, byte vector) => guest.Handle(vector, a =>
    {
        a.mov(al, vector);
        a.@out(0x80, al);
        Return(a);
    });

    private static void AssertHandled(TinyGuest guest, byte vector)
    {
        VmExit exit = guest.RunTo(VmExitKind.Port);
        Assert.Equal((0x80ul, (ulong)vector), (exit.Address, exit.Value));
    }
}
