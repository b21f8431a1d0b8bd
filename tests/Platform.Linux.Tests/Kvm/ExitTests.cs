using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Each kind of exit, and what the guest sees of its answer.</summary>
public sealed class ExitTests
{
    [SkippableFact]
    public void Out_of_each_width()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.mov(eax, 0x12345678);
            a.mov(dx, 0x3f8);
            a.@out(dx, al);
            a.@out(dx, ax);
            a.@out(dx, eax);
            a.@out(0x80, al);
            a.hlt();
        });
        foreach ((byte width, ulong value) in new (byte, ulong)[] { (1, 0x78), (2, 0x5678), (4, 0x12345678) })
        {
            VmExit exit = guest.RunTo(VmExitKind.Port);
            Assert.Equal((0x3f8ul, width, value, true), (exit.Address, exit.Width, exit.Value, exit.IsWrite));
            Assert.Throws<InvalidOperationException>(() => guest.Cpu.Complete(0));
        }

        Assert.Equal(0x80ul, guest.RunTo(VmExitKind.Port).Address);
        guest.RunTo(VmExitKind.Halt);
    }

    [SkippableFact]
    public void In_of_each_width_and_all_ones_where_nobody_answers()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.mov(dx, 0x510);
            a.@in(al, dx);
            a.mov(__byte_ptr[0x8000], al);
            a.@in(ax, dx);
            a.mov(__word_ptr[0x8002], ax);
            a.@in(eax, dx);
            a.mov(__dword_ptr[0x8004], eax);
            a.@in(eax, dx);
            a.mov(__dword_ptr[0x8008], eax);
            a.hlt();
        });
        foreach (byte width in new byte[] { 1, 2, 4 })
        {
            VmExit exit = guest.RunTo(VmExitKind.Port);
            Assert.Equal((0x510ul, width, false), (exit.Address, exit.Width, exit.IsWrite));
            guest.Cpu.Complete(0xa1b2c3d4e5f60718);
        }

        guest.RunTo(VmExitKind.Port);
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(0x18, guest.Read<byte>(0x8000));
        Assert.Equal(0x0718, guest.Read<ushort>(0x8002));
        Assert.Equal(0xe5f60718, guest.Read<uint>(0x8004));
        Assert.Equal(uint.MaxValue, guest.Read<uint>(0x8008));
    }

    [SkippableFact]
    public void A_string_goes_out_one_element_an_exit()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.mov(si, 0x8000);
            a.mov(cx, 600);
            a.mov(dx, 0x3f8);
            a.rep.outsw();
            a.hlt();
        });
        for (int i = 0; i < 600; i++)
        {
            guest.Write<ushort>(0x8000 + (2 * i), (ushort)(i * 3));
        }

        for (int i = 0; i < 600; i++)
        {
            VmExit exit = guest.RunTo(VmExitKind.Port);
            Assert.Equal((0x3f8ul, (byte)2, (ulong)(i * 3), true), (exit.Address, exit.Width, exit.Value, exit.IsWrite));
        }

        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0x8000ul + 1200, 0ul), (registers.Rsi, registers.Rcx & 0xffff));
    }

    [SkippableFact]
    public void A_string_comes_in_one_element_an_exit()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.mov(di, 0x8000);
            a.mov(cx, 5000);
            a.mov(dx, 0x1f0);
            a.rep.insb();
            a.hlt();
        });
        for (int i = 0; i < 5000; i++)
        {
            Assert.False(guest.RunTo(VmExitKind.Port).IsWrite);
            if (i % 7 != 0)
            {
                guest.Cpu.Complete((ulong)(i * 5));
            }
        }

        guest.RunTo(VmExitKind.Halt);
        for (int i = 0; i < 5000; i++)
        {
            Assert.Equal(i % 7 != 0 ? (byte)(i * 5) : byte.MaxValue, guest.Read<byte>(0x8000 + i));
        }
    }

    [SkippableFact]
    public void Loads_and_stores_where_nothing_is_mapped()
    {
        using TinyGuest guest = TinyGuest.Long(a =>
        {
            a.mov(rbx, (long)TinyGuest.NowhereAddress);
            a.mov(rax, 0x1122334455667788);
            a.mov(__[rbx + 8], rax);
            a.mov(__byte_ptr[rbx + 0x101], 0x42);
            a.mov(ecx, __dword_ptr[rbx + 0x20]);
            a.movzx(esi, __word_ptr[rbx + 0x30]);
            a.mov(rdi, __qword_ptr[rbx + 0x40]);
            a.hlt();
        });
        Check(guest.RunTo(VmExitKind.Mmio), 8, 8, 0x1122334455667788);
        Check(guest.RunTo(VmExitKind.Mmio), 0x101, 1, 0x42);
        Check(guest.RunTo(VmExitKind.Mmio), 0x20, 4, null);
        guest.Cpu.Complete(0xffffffff_89abcdef);
        Check(guest.RunTo(VmExitKind.Mmio), 0x30, 2, null);
        guest.Cpu.Complete(0xbeef);
        Check(guest.RunTo(VmExitKind.Mmio), 0x40, 8, null);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0x89abcdeful, 0xbeeful, ulong.MaxValue), (registers.Rcx, registers.Rsi, registers.Rdi));

        static void Check(VmExit exit, ulong offset, byte width, ulong? value) =>
            Assert.Equal((TinyGuest.NowhereAddress + offset, width, value is not null, value ?? 0), (exit.Address, exit.Width, exit.IsWrite, exit.Value));
    }

    [SkippableFact]
    public void A_store_to_memory_that_can_only_be_read()
    {
        using TinyGuest guest = TinyGuest.Protected(a =>
        {
            a.mov(eax, __dword_ptr[0x400000]);
            a.mov(__dword_ptr[0x400010], 0x55);
            a.mov(ebx, __dword_ptr[0x400010]);
            a.hlt();
        });
        guest.Write<uint>(0x100000, 0x1234);
        guest.Machine.Map(new GuestMemoryRegion(0x400000, 0, 0x1000, guest.Mapping, 0x100000, MemoryAccess.Read));
        VmExit exit = guest.RunTo(VmExitKind.Mmio);
        Assert.Equal((0x400010ul, (byte)4, true, 0x55ul), (exit.Address, exit.Width, exit.IsWrite, exit.Value));
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0x1234ul, 0ul), (registers.Rax, registers.Rbx));
    }

    [SkippableFact]
    public void Memory_comes_and_goes_while_the_guest_lives()
    {
        using TinyGuest guest = TinyGuest.Protected(a =>
        {
            Iced.Intel.Label again = a.CreateLabel();
            a.Label(ref again);
            a.mov(eax, __dword_ptr[0x400000]);
            a.hlt();
            a.jmp(again);
        });
        guest.Write<uint>(0x100000, 0x1234);
        GuestMemoryRegion region = new(0x400000, 0, 0x1000, guest.Mapping, 0x100000);
        for (int i = 0; i < 20; i++)
        {
            guest.RunTo(VmExitKind.Mmio);
            guest.Cpu.Complete(7);
            guest.RunTo(VmExitKind.Halt);
            Assert.Equal(7ul, Rax());
            guest.Machine.Map(region);
            Assert.Contains("overlaps", Assert.Throws<IOException>(() => guest.Machine.Map(region)).Message);
            guest.RunTo(VmExitKind.Halt);
            Assert.Equal(0x1234ul, Rax());
            guest.Machine.Unmap(0x400000);
            Assert.Throws<ArgumentException>(() => guest.Machine.Unmap(0x400000));
        }

        ulong Rax()
        {
            guest.Cpu.GetRegisters(out CpuRegisters registers);
            return registers.Rax;
        }
    }

    [SkippableFact]
    public void A_triple_fault_shuts_the_processor_down()
    {
        using TinyGuest guest = TinyGuest.Protected(a => a.ud2());
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
        guest.Cpu.SetSystemRegisters(system with { Idt = default });
        guest.RunTo(VmExitKind.Shutdown);
    }

    /// <summary>KVM has no decoder for this one at a device's address. Whoever has does what it means, and sets where the guest goes on.</summary>
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(3)]
    public void An_instruction_that_KVM_does_not_decode_comes_with_its_bytes(int privilege)
    {
        using TinyGuest guest = TinyGuest.Protected(a =>
        {
            a.@out(0x80, al);
            a.paddb(xmm0, __xmmword_ptr[TinyGuest.NowhereAddress]);
            a.@out(0x81, al);
        });
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);

        // CR4.OSFXSR. A user program may use the ports: IOPL is 3.
        system.Cr4 |= 1 << 9;
        uint user = (uint)privilege << 5;
        system.Cs = system.Cs with { Selector = (ushort)(system.Cs.Selector | privilege), Rights = system.Cs.Rights | user };
        system.Ss = system.Ss with { Selector = (ushort)(system.Ss.Selector | privilege), Rights = system.Ss.Rights | user };
        guest.Cpu.SetSystemRegisters(system);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        guest.Cpu.SetRegisters(registers with { Rflags = registers.Rflags | 0x3000 });
        guest.RunToPort(0x80);
        Assert.True(guest.Cpu.Instruction.IsEmpty);
        VmExit exit = guest.Cpu.Run();
        guest.SkipIfEmulated(exit.Kind != VmExitKind.UnknownInstruction, $"decodes by itself: there was {exit}");
        Assert.Equal(VmExitKind.UnknownInstruction, exit.Kind);
        byte[] expected = [0x66, 0x0f, 0xfc, 0x05, 0x00, 0x00, 0x00, 0xd0];
        Assert.Equal(expected, guest.Cpu.Instruction[..8].ToArray());
        guest.Cpu.GetRegisters(out registers);
        Assert.Equal(TinyGuest.CodeAddress + 2ul, registers.Rip);
        guest.Cpu.SetRegisters(registers with { Rip = registers.Rip + (ulong)expected.Length });
        guest.RunToPort(0x81);
    }

    /// <summary>[SDM] 3C 27.3.1.2, [APM] 2 15.5.1: code of both 64 and 32 bits is no state of a processor.</summary>
    [SkippableFact]
    public void A_state_that_the_processor_refuses_is_a_failed_entry()
    {
        using TinyGuest guest = TinyGuest.Long(a => a.hlt());
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
        guest.Cpu.SetSystemRegisters(system with { Cs = system.Cs with { Rights = system.Cs.Rights | 0x4000 } });
        VmExit exit = guest.Cpu.Run();
        guest.SkipIfEmulated(exit.Kind != VmExitKind.EntryFailure, $"enters whatever there is: there was {exit}");
        Assert.Equal(VmExitKind.EntryFailure, exit.Kind);
        Assert.NotEqual(0ul, exit.Value);
    }

    [SkippableFact]
    public void Memory_that_its_owner_takes_away_stops_the_guest()
    {
        using LinuxGrant grant = TestMemory.Unsealed(0x10000);
        _ = new LinuxHost();
        using MappedMemory memory = grant.Map(0, 0x10000, MemoryAccess.ReadWrite);
        using TinyGuest guest = TinyGuest.Protected(a =>
        {
            a.mov(eax, __dword_ptr[0x400000]);
            a.@out(0x80, eax);
            a.mov(eax, __dword_ptr[0x401000]);
            a.hlt();
        });
        guest.Machine.Map(new(0x400000, 0, 0x10000, memory, 0));
        guest.RunToPort(0x80);
        TestMemory.Resize(grant.Handle, 0);
        VmExit exit = guest.Cpu.Run();
        guest.SkipIfEmulated(exit.Kind == VmExitKind.Mmio, "takes lost memory for a device's");
        Assert.Equal((VmExitKind.HostFailure, (ulong)Errno.EFAULT), (exit.Kind, exit.Value));
        guest.Machine.Unmap(0x400000);
    }

    [Fact]
    public void An_exit_says_what_it_is()
    {
        Assert.Equal("store at 0xd0000000, 4 bytes: 0x12", new VmExit { Kind = VmExitKind.Mmio, Width = 4, IsWrite = true, Address = 0xd0000000, Value = 0x12 }.ToString());
        Assert.Equal("in from port 0x60, 1 bytes", new VmExit { Kind = VmExitKind.Port, Width = 1, Address = 0x60 }.ToString());
        Assert.Equal("rdmsr 0x1b", new VmExit { Kind = VmExitKind.ReadMsr, Address = 0x1b }.ToString());
    }

    [SkippableFact]
    public void An_exit_costs_no_allocation()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            Iced.Intel.Label again = a.CreateLabel();
            a.Label(ref again);
            a.@in(al, 0x60);
            a.@out(0x80, al);
            a.jmp(again);
        });
        guest.RunTo(VmExitKind.Port);
        Allocations.AssertNone(() =>
        {
            if (!guest.Cpu.Run().IsWrite)
            {
                guest.Cpu.Complete(1);
            }
        });
    }
}
