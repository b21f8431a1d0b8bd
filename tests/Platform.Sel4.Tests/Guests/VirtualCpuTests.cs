using Makatea.Sel4;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>The contract of virtual processors over the kernel's calls.</summary>
public sealed class VirtualCpuTests : IDisposable
{
    private const ulong Valid = 1ul << 31;
    private const ulong GeneralProtection = Valid | (3 << 8) | (1 << 11) | 13;
    private const ulong Port = 30;
    private const ulong Cpuid = 10;
    private const ulong Halt = 12;
    private const ulong ControlRegister = 28;
    private const ulong ReadMsr = 31;
    private const ulong WriteMsr = 32;
    private const ulong EptViolation = 48;
    private const ulong SetExtendedControl = 55;
    private const uint Efer = 0xc000_0080;
    private const uint Lstar = 0xc000_0082;

    private readonly ModelSystem _system = new();
    private readonly ModelGuest _guest = new();
    private readonly ModelComponent _component;
    private readonly VirtualMachine _machine;
    private readonly VirtualCpu _cpu;

    public VirtualCpuTests()
    {
        _component = new ModelComponent(_system, "vmm", _guest.Grants) { Guest = _guest };
        _machine = _component.Component.Grants.OpenGuest("guest");
        _cpu = _machine.CreateCpu(0);
        _cpu.SetRegisters(new CpuRegisters { Rip = 0x1000, Rax = 0x1122_3344_5566_7788, Rcx = 7, R15 = 15 });
    }

    public void Dispose()
    {
        _cpu.Dispose();
        _machine.Dispose();
        _component.Dispose();
        _guest.Dispose();
        _system.Dispose();
    }

    [Theory]
    [InlineData(1, 0xff, 0x1122_3344_5566_77abul)]
    [InlineData(2, 0xffff, 0x1122_3344_5566_12abul)]
    [InlineData(4, 0xffff_ffff, 0x0000_0000_7890_12abul)]
    public void Ports_are_told_and_what_is_read_goes_to_the_register_of_that_width(int width, ulong ones, ulong result)
    {
        ulong size = (ulong)width - 1;
        _guest.Next(new ModelExit(Port) { Qualification = 0x3f8_0000 | size });
        _guest.Next(new ModelExit(Port) { Qualification = 0x3fd_0008 | size });
        _guest.Next(new ModelExit(Port) { Qualification = 0x3fd_0008 | size });
        _guest.Next(new ModelExit(Halt));
        VmExit exit = _cpu.Run();
        Assert.Equal((VmExitKind.Port, true, 0x3f8ul, width, 0x5566_7788 & ones), (exit.Kind, exit.IsWrite, exit.Address, exit.Width, exit.Value));
        exit = _cpu.Run();
        Assert.Equal((VmExitKind.Port, false, 0x3fdul, width), (exit.Kind, exit.IsWrite, exit.Address, exit.Width));
        _cpu.Complete(0x7890_12ab);
        _cpu.Run();
        Assert.Equal(result, _guest.Registers[0]);

        // Nobody answers the second.
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(ones, _guest.Registers[0] & ones);
        Assert.Equal([0x1000ul, 0x1002, 0x1004, 0x1006], _guest.Entries.Select(e => e.Rip));
        Assert.Equal(15ul, _guest.Registers[14]);
    }

    [Fact]
    public void A_string_of_accesses_is_nobodys_here()
    {
        _guest.Next(new ModelExit(Port) { Qualification = 0x3f8_0010 });
        Assert.Equal(VmExitKind.UnknownInstruction, _cpu.Run().Kind);
        _cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal(0x1000ul, registers.Rip);
    }

    [Fact]
    public void CPUID_is_answered_from_what_was_set_and_follows_what_the_guest_turned_on()
    {
        _cpu.SetCpuid([new(0, null, 7, 1, 2, 3), new(1, null, 0xa, 0xb, 0xc, 0xd), new(7, 0, 70, 71, 72, 73)]);
        Ask(1, 0);
        Ask(1, 0, g => g.Fields[VmcsField.Cr4] = 1 << 18);
        Ask(7, 0);
        Ask(7, 1);
        Ask(2, 0);

        // Beyond the last, the last basic one.
        Ask(0x8000_0000, 0);
        _guest.Next(new ModelExit(Halt) { Change = g => _answers.Add(g.Registers[..4]) });
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal((ulong[][])[[0xa, 0xb, 0xc, 0xd], [0xa, 0xb, 0xc | (1 << 27), 0xd], [70, 71, 72, 73], [0, 0, 0, 0], [0, 0, 0, 0], [70, 71, 72, 73]], _answers.Skip(1));

        void Ask(uint leaf, uint subleaf, Action<ModelGuest>? change = null) => _guest.Next(new ModelExit(Cpuid)
        {
            Change = g =>
            {
                _answers.Add(g.Registers[..4]);
                (g.Registers[0], g.Registers[2]) = (leaf, subleaf);
                change?.Invoke(g);
            },
        });
    }

    // What the guest has before each question: the answer of the one before.
    private readonly List<ulong[]> _answers = [];

    [Fact]
    public void An_MSR_that_nobody_answers_is_a_fault_and_one_that_is_answered_is_not()
    {
        _guest.Next(Msr(ReadMsr, 0x1b));
        _guest.Next(Msr(ReadMsr, 0x1b));
        _guest.Next(Msr(WriteMsr, 0x1b, 5));
        _guest.Next(Msr(WriteMsr, 0x1b, 6));
        _guest.Next(new ModelExit(Halt));
        Assert.Equal((VmExitKind.ReadMsr, 0x1bul), (_cpu.Run().Kind, _cpu.Run().Address));
        Assert.Equal((0x1000ul, GeneralProtection), (_guest.Entries[1].Rip, _guest.Entries[1].Injection));
        _cpu.Complete(0x1234_5678_9abc_def0);
        VmExit written = _cpu.Run();
        Assert.Equal((VmExitKind.WriteMsr, 5ul), (written.Kind, written.Value));
        Assert.Equal((0x1002ul, 0ul), (_guest.Entries[2].Rip, _guest.Entries[2].Injection & Valid));
        _cpu.Run();
        Assert.Equal(0x1004ul, _guest.Entries[3].Rip);
        _cpu.Refuse();
        _cpu.Run();
        Assert.Equal((0x1004ul, GeneralProtection), (_guest.Entries[4].Rip, _guest.Entries[4].Injection));
    }

    [Fact]
    public void MSRs_that_are_the_processors_are_not_told_where_they_are_allowed()
    {
        _machine.AllowMsrs([new(Efer, 5, MemoryAccess.ReadWrite)]);
        _guest.Next(Msr(WriteMsr, Lstar, 0xffff_8000_0000_1000));
        _guest.Next(Msr(WriteMsr, Efer, 0x901));
        _guest.Next(Msr(ReadMsr, Efer));

        // Neither is possible: not canonical, reserved bits.
        _guest.Next(Msr(WriteMsr, Lstar, 0x8000_0000_0000));
        _guest.Next(Msr(WriteMsr, Efer, 1ul << 40));
        _guest.Next(new ModelExit(Halt));
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(0xffff_8000_0000_1000, _guest.Msrs[Lstar]);
        Assert.Equal(0x901ul, _guest.Fields[VmcsField.Efer]);
        Assert.Equal([0ul, 0, 0, 0, GeneralProtection, GeneralProtection], _guest.Entries.Select(e => e.Injection));
        Assert.Equal([0x1000ul, 0x1002, 0x1004, 0x1006, 0x1006, 0x1006], _guest.Entries.Select(e => e.Rip));
    }

    [Fact]
    public void Long_mode_begins_and_ends_with_paging()
    {
        const ulong LongModeGuest = 1 << 9;
        const ulong Active = 1 << 10;
        _machine.AllowMsrs([new(Efer, 1, MemoryAccess.ReadWrite)]);
        _guest.Next(Msr(WriteMsr, Efer, 0x100));
        _guest.Next(MoveToCr(0, 0x8000_0011, g => g.Fields[VmcsField.Cr4] = 1 << 5));
        _guest.Next(new ModelExit(Halt));
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(Active, _guest.Fields[VmcsField.Efer] & Active);
        Assert.Equal(LongModeGuest, _guest.Fields[VmcsField.EntryControls] & LongModeGuest);
        Assert.Equal((0x8000_0011ul, 0x8000_0031ul), (_guest.Fields[VmcsField.Cr0Shadow], _guest.Fields[VmcsField.Cr0]));
        _guest.Next(MoveToCr(0, 0x11));
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
        Assert.Equal(0ul, _guest.Fields[VmcsField.Efer] & Active);
        Assert.Equal(0ul, _guest.Fields[VmcsField.EntryControls] & LongModeGuest);
    }

    [Theory]
    [InlineData(0, 0x8000_0010ul)]
    [InlineData(0, 0x1_0000_0011ul)]
    [InlineData(0, 0x2000_0011ul)]
    [InlineData(4, 0x2000ul)]
    [InlineData(4, 0x2_0000ul)]
    [InlineData(8, 16ul)]
    public void A_control_register_does_not_take_what_it_cannot_hold(int register, ulong value)
    {
        _guest.Next(MoveToCr(register, value));
        _guest.Next(new ModelExit(Halt));
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal((0x1000ul, GeneralProtection), (_guest.Entries[1].Rip, _guest.Entries[1].Injection));
    }

    [Fact]
    public void With_three_levels_of_tables_the_first_is_read_as_paging_begins()
    {
        BitConverter.TryWriteBytes(_guest.Memory[0x3008..], 0x5001ul);
        _guest.Next(MoveToCr(0, 0x8000_0011, g => (g.Fields[VmcsField.Cr4], g.Fields[VmcsField.Cr3]) = (1 << 5, 0x3000)));
        _guest.Next(new ModelExit(Halt));
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(0x5001ul, _guest.Fields[VmcsField.Pdpte1]);

        // Beyond the guest's memory there is nothing to read.
        _guest.Next(MoveToCr(0, 0x11));
        _guest.Next(MoveToCr(0, 0x8000_0011, g => g.Fields[VmcsField.Cr3] = 0x7000_0000));
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
        Assert.Equal(GeneralProtection, _guest.Entries[^1].Injection);
    }

    [Fact]
    public void CR8_is_the_task_priority()
    {
        _cpu.TaskPriority = 9;
        _guest.Next(MoveToCr(8, 12));
        _guest.Next(MoveToCr(8, 3));
        Assert.Equal(VmExitKind.TaskPriorityLowered, _cpu.Run().Kind);
        Assert.Equal((3, 2), (_cpu.TaskPriority, _guest.Entries.Count));
    }

    [Fact]
    public void HLT_ends_the_shadow_of_STI_and_an_interrupt_is_taken_at_the_next_entry()
    {
        Assert.False(_cpu.CanInjectInterrupt);
        _guest.Next(new ModelExit(Halt) { Change = g => (g.Fields[VmcsField.Rflags], g.Fields[VmcsField.Interruptibility]) = (0x202, 1) });
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(0ul, _guest.Fields[VmcsField.Interruptibility]);
        Assert.True(_cpu.CanInjectInterrupt);
        _cpu.InjectInterrupt(0xec);
        Assert.False(_cpu.CanInjectInterrupt);
        _cpu.RequestInterruptWindow();
        _guest.Next(new ModelExit(7));
        Assert.Equal(VmExitKind.InterruptWindow, _cpu.Run().Kind);
        Assert.Equal((Valid | 0xec, 4ul), (_guest.Entries[1].Injection, _guest.Entries[1].Controls & 4));
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
        Assert.Equal((0ul, 0ul), (_guest.Entries[2].Injection & Valid, _guest.Entries[2].Controls & 4));
    }

    [Fact]
    public void A_request_to_exit_is_heard_at_the_next_entry_and_loses_no_interrupt()
    {
        _guest.Next(new ModelExit(Halt) { Change = g => g.Fields[VmcsField.Rflags] = 0x202 });
        _cpu.Run();
        _cpu.InjectInterrupt(0x30);
        _cpu.RequestExit();
        _cpu.RequestExit();
        Assert.Equal(VmExitKind.Cancelled, _cpu.Run().Kind);
        Assert.False(_cpu.CanInjectInterrupt);
        _guest.Next(new ModelExit(Halt));
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(Valid | 0x30, _guest.Entries[^1].Injection);
    }

    [Fact]
    public void After_a_signal_registers_are_those_that_the_guest_has_and_not_those_that_were_written()
    {
        _guest.Next(new ModelExit(0) { IsSignal = true, Rip = 0x2000, Change = g => (g.Registers[0], g.Fields[VmcsField.Rsp]) = (77, 0x8000) });
        Assert.Equal(VmExitKind.Cancelled, _cpu.Run().Kind);
        _cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((77ul, 0x8000ul, 0x2000ul, 15ul), (registers.Rax, registers.Rsp, registers.Rip, registers.R15));
        Assert.Equal(0ul, _guest.Fields[VmcsField.PinControls] & (1 << 6));
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
        Assert.Equal((77ul, 0x2000ul), (_guest.Registers[0], _guest.Entries[^1].Rip));
    }

    [Fact]
    public void An_NMI_waits_until_the_one_before_is_handled()
    {
        _guest.Next(new ModelExit(Cpuid) { Change = g => g.Fields[VmcsField.Interruptibility] = 8 });
        _guest.Next(new ModelExit(8) { Change = g => g.Fields[VmcsField.Interruptibility] = 0 });
        _guest.Next(new ModelExit(Halt));
        _cpu.InjectNmi();
        _cpu.GetRegisters(out _);
        Assert.Equal(VmExitKind.Halt, _cpu.Run().Kind);
        Assert.Equal(Valid | (2 << 8) | 2, _guest.Entries[0].Injection);
        _guest.Fields[VmcsField.Interruptibility] = 8;
        _guest.Next(new ModelExit(Cpuid));
        _guest.Next(new ModelExit(8) { Change = g => g.Fields[VmcsField.Interruptibility] = 0 });
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
    }

    [Fact]
    public void Memory_that_is_not_there_is_told_undecoded_and_an_event_that_was_on_its_way_is_not_lost()
    {
        _guest.Fields[VmcsField.VectoringInformation] = Valid | 0x41;
        _guest.Next(new ModelExit(EptViolation) { Qualification = 2, Physical = 0xfee0_0080 });
        _guest.Next(new ModelExit(Halt));
        VmExit exit = _cpu.Run();
        Assert.Equal((VmExitKind.MemoryFault, 0xfee0_0080ul, true, false), (exit.Kind, exit.Address, exit.IsWrite, exit.IsFetch));
        _cpu.Run();
        Assert.Equal((0x1000ul, Valid | 0x41), (_guest.Entries[1].Rip, _guest.Entries[1].Injection));
    }

    [Fact]
    public void A_guest_that_the_processor_refuses_is_not_entered_again()
    {
        _guest.Next(new ModelExit(33));
        Assert.Equal((VmExitKind.EntryFailure, 33ul), (_cpu.Run().Kind, _cpu.Run().Value));
        Assert.Single(_guest.Entries);
    }

    [Fact]
    public void XCR0_is_the_kernels()
    {
        ulong state = 100 + (ulong)BoardValue.XSaveFeatures;
        _guest.Next(new ModelExit(SetExtendedControl) { Length = 3, Change = g => (g.Registers[0], g.Registers[2], g.Registers[3]) = (state, 0, 0) });
        _guest.Next(new ModelExit(SetExtendedControl) { Length = 3, Change = g => g.Registers[0] = state | 4 ^ 1 });
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
        Assert.Equal([(0x1000ul, 0ul), (0x1003, 0), (0x1003, GeneralProtection)], _guest.Entries.Select(e => (e.Rip, e.Injection)));
    }

    [Fact]
    public void Segments_and_tables_are_read_as_they_were_set()
    {
        CpuSystemRegisters set = CpuSystemRegisters.AfterReset() with { Cs = CpuSegment.Code64(8), Ldt = new(0x30, 0x1234, 0x77, 0x82), Gdt = new(0x9000, 0x1f), Cr3 = 0x4000, Cr4 = 0x20, Cr8 = 4, Efer = 0x901 };
        _cpu.SetSystemRegisters(set);
        _cpu.GetSystemRegisters(out CpuSystemRegisters read);
        Assert.Equal(set, read);
        Assert.Throws<IOException>(() => _cpu.SetSystemRegisters(set with { Cr4 = 1 << 13 }));
    }

    [Fact]
    public void One_thread_enters_and_one_processor_is_there()
    {
        _guest.Next(new ModelExit(Halt));
        _cpu.Run();
        Exception? refused = null;
        var other = new Thread(() => refused = Record.Exception(() => { _cpu.Run(); }));
        other.Start();
        other.Join();
        Assert.IsType<IOException>(refused);
        Assert.Throws<IOException>(() => _machine.CreateCpu(1));
    }

    [Fact]
    public void A_guests_memory_is_its_region()
    {
        using MappedMemory memory = _component.Component.Grants.OpenGuestMemory("guest");
        Assert.Throws<IOException>(() => _machine.Map(new GuestMemoryRegion(0x1000, 0, memory.Length, memory, 0)));
        _machine.Map(new GuestMemoryRegion(0, 0, memory.Length, memory, 0));
        Assert.Throws<IOException>(() => _machine.Map(new GuestMemoryRegion(0, 0, memory.Length, memory, 0)));
        Assert.Throws<IOException>(() => _machine.Unmap(0));
    }

    private static ModelExit Msr(ulong reason, uint number, ulong value = 0) => new(reason)
    {
        Change = g => (g.Registers[2], g.Registers[0], g.Registers[3]) = (number, (uint)value, value >> 32),
    };

    private static ModelExit MoveToCr(int register, ulong value, Action<ModelGuest>? change = null) => new(ControlRegister)
    {
        // From RBX.
        Qualification = (ulong)register | (3 << 8),
        Change = g =>
        {
            g.Registers[1] = value;
            change?.Invoke(g);
        },
    };
}
