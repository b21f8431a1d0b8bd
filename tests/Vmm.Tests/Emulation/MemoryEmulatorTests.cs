using Iced.Intel;
using Makatea.Platform;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Vmm.Tests;

public sealed class MemoryEmulatorTests : IDisposable
{
    private readonly EmulatedGuest _guest = new();

    public static TheoryData<string, Action<Assembler>, string> Stores => new()
    {
        { "mov r8", a => a.mov(__byte_ptr[rdi], al), "store 0x300000, 1: 0x88" },
        { "mov high byte", a => a.mov(__byte_ptr[rdi], ah), "store 0x300000, 1: 0x77" },
        { "mov r16", a => a.mov(__word_ptr[rdi + 2], ax), "store 0x300002, 2: 0x7788" },
        { "mov r32", a => a.mov(__dword_ptr[rdi + (rcx * 4)], eax), "store 0x30000c, 4: 0x55667788" },
        { "mov r64", a => a.mov(__qword_ptr[rdi], rax), "store 0x300000, 8: 0x1122334455667788" },
        { "mov imm8", a => a.mov(__byte_ptr[rdi], 0x5a), "store 0x300000, 1: 0x5a" },
        { "mov imm32 sign-extended", a => a.mov(__qword_ptr[rdi], -2), "store 0x300000, 8: 0xfffffffffffffffe" },
        { "mov moffs", a => a.mov(__dword_ptr[EmulatedGuest.Device], eax), "store 0x300000, 4: 0x55667788" },
        { "movnti", a => a.movnti(__dword_ptr[rdi], eax), "store 0x300000, 4: 0x55667788" },
        { "movdiri", a => a.movdiri(__qword_ptr[rdi], rax), "store 0x300000, 8: 0x1122334455667788" },
        { "movbe", a => a.movbe(__dword_ptr[rdi], eax), "store 0x300000, 4: 0x88776655" },
        { "gs base", a => a.mov(__dword_ptr.gs[rdi - 0x1000], eax), "store 0x300000, 4: 0x55667788" },
    };

    public static TheoryData<string, Action<Assembler>, ulong> Loads => new()
    {
        { "mov r8 keeps the rest", a => a.mov(al, __byte_ptr[rdi]), 0x1122_3344_5566_7788 },
        { "mov high byte", a => a.mov(ah, __byte_ptr[rdi]), 0x1122_3344_5566_8888 },
        { "mov r16 keeps the rest", a => a.mov(ax, __word_ptr[rdi]), 0x1122_3344_5566_9788 },
        { "mov r32 clears the upper half", a => a.mov(eax, __dword_ptr[rdi]), 0xb5a6_9788 },
        { "mov r64", a => a.mov(rax, __qword_ptr[rdi]), RecordingBus.Answer },
        { "movzx", a => a.movzx(rax, __byte_ptr[rdi]), 0x88 },
        { "movsx to 64", a => a.movsx(rax, __word_ptr[rdi]), 0xffff_ffff_ffff_9788 },
        { "movsx to 32", a => a.movsx(eax, __byte_ptr[rdi]), 0xffff_ff88 },
        { "movsxd", a => a.movsxd(rax, __dword_ptr[rdi]), 0xffff_ffff_b5a6_9788 },
        { "movbe", a => a.movbe(eax, __dword_ptr[rdi]), 0x8897_a6b5 },
        { "movbe r16", a => a.movbe(ax, __word_ptr[rdi]), 0x1122_3344_5566_8897 },
    };

    [Theory]
    [MemberData(nameof(Stores))]
    public void A_store_reaches_the_device(string name, Action<Assembler> instruction, string access)
    {
        Prepare();
        _guest.Assemble(instruction);
        AssertDone(name);
        Assert.Equal([access], _guest.Bus.Accesses);
        Assert.Null(_guest.Cpu.Injected);
    }

    [Theory]
    [MemberData(nameof(Loads))]
    public void A_load_fills_the_register_by_its_width(string name, Action<Assembler> instruction, ulong expected)
    {
        Prepare();
        _guest.Assemble(instruction);
        AssertDone(name);
        Assert.Single(_guest.Bus.Accesses);
        Assert.Equal(expected, _guest.Cpu.Registers.Rax);
    }

    [Fact]
    public void The_instruction_pointer_moves_behind_the_instruction()
    {
        Prepare();
        _guest.Assemble(a => a.mov(__dword_ptr[rdi], 5));
        AssertDone("mov");
        Assert.Equal(EmulatedGuest.Code + 6, _guest.Cpu.Registers.Rip);
    }

    [Theory]
    [InlineData(false, 0x11_0010ul, 0x30_0010ul)]
    [InlineData(true, 0x10_fff0ul, 0x2f_fff0ul)]
    public void A_repeated_string_goes_one_element_at_a_time(bool isDown, ulong source, ulong target)
    {
        Prepare();
        _guest.Cpu.Registers.Rsi = EmulatedGuest.Data;
        _guest.Cpu.Registers.Rcx = 4;
        _guest.Cpu.Registers.Rflags |= isDown ? 1ul << 10 : 0;
        _guest.Bytes(EmulatedGuest.Data - 12, 28).Fill(0xab);
        _guest.Assemble(a => a.rep.movsd());
        for (int left = 3; left >= 0; left--)
        {
            Assert.Equal(EmulatedGuest.Code, _guest.Cpu.Registers.Rip);
            Assert.Null(_guest.Emulate());
            Assert.Equal((ulong)left, _guest.Cpu.Registers.Rcx);
        }

        Assert.Equal(EmulatedGuest.Code + 2, _guest.Cpu.Registers.Rip);
        Assert.Equal((source, target), (_guest.Cpu.Registers.Rsi, _guest.Cpu.Registers.Rdi));
        ulong[] places = isDown ? [0x30_0000, 0x2f_fffc, 0x2f_fff8, 0x2f_fff4] : [0x30_0000, 0x30_0004, 0x30_0008, 0x30_000c];
        Assert.Equal(places.Select(p => $"store 0x{p:x}, 4: 0xabababab"), _guest.Bus.Accesses);
    }

    [Fact]
    public void A_repeated_string_of_no_elements_touches_nothing()
    {
        Prepare();
        _guest.Cpu.Registers.Rcx = 0;
        _guest.Assemble(a => a.rep.stosb());
        AssertDone("stos");
        Assert.Empty(_guest.Bus.Accesses);
        Assert.Equal(EmulatedGuest.Device, _guest.Cpu.Registers.Rdi);
    }

    [Fact]
    public void A_string_loads_from_a_device_into_memory_of_two_pages()
    {
        Prepare();
        _guest.Cpu.Registers.Rsi = EmulatedGuest.Device + 8;
        _guest.Cpu.Registers.Rdi = EmulatedGuest.SplitPages + 4096 - 3;
        _guest.Assemble(a => a.movsq());
        AssertDone("movs");
        Assert.Equal(["load 0x300008, 8"], _guest.Bus.Accesses);
        Assert.Equal([0x88, 0x97, 0xa6], _guest.Bytes(0x14_0ffd, 3).ToArray());
        Assert.Equal([0xb5, 0xc4, 0xd3, 0xe2, 0xf1], _guest.Bytes(0x15_0000, 5).ToArray());
    }

    /// <summary>The processor has not looked at the other operand yet: a guest's program must not write its kernel's memory by way of a device.</summary>
    [Theory]
    [InlineData(true, EmulatedGuest.KernelPage, 7u)]
    [InlineData(true, EmulatedGuest.AbsentPage, 6u)]
    [InlineData(false, EmulatedGuest.ReadOnlyPage, 3u)]
    [InlineData(false, EmulatedGuest.AbsentPage, 2u)]
    public void What_the_page_tables_forbid_is_a_page_fault(bool isUser, ulong target, uint errorCode)
    {
        _guest.Enter64(isUser);
        Prepare();
        _guest.Cpu.Registers.Rsi = EmulatedGuest.Device;
        _guest.Cpu.Registers.Rdi = target + 8;
        CpuRegisters before = _guest.Cpu.Registers;
        _guest.Assemble(a => a.movsd());
        Assert.Null(_guest.Emulate());
        Assert.Equal(((byte)14, (uint?)errorCode), _guest.Cpu.Injected);
        Assert.Equal(target + 8, _guest.Cpu.System.Cr2);
        Assert.Equal(before, _guest.Cpu.Registers);
        Assert.Empty(_guest.Bus.Accesses);
    }

    [Fact]
    public void An_address_that_is_not_canonical_is_a_protection_fault()
    {
        Prepare();
        _guest.Cpu.Registers.Rdi = 1ul << 50;
        _guest.Assemble(a => a.mov(__dword_ptr[rdi], eax));
        Assert.Null(_guest.Emulate());
        Assert.Equal(((byte)13, (uint?)0), _guest.Cpu.Injected);
    }

    [Fact]
    public void In_32_bit_mode_a_store_beyond_a_segment_is_refused()
    {
        Prepare();
        _guest.Enter32();
        _guest.Assemble(a => a.mov(__dword_ptr[edi], eax));
        AssertDone("mov");
        Assert.Equal(["store 0x300000, 4: 0x55667788"], _guest.Bus.Accesses);
        _guest.Cpu.System.Ds = CpuSegment.Data(16) with { Limit = 0xfff };
        _guest.Assemble(a => a.mov(__dword_ptr[edi], eax));
        Assert.Contains("beyond a segment", _guest.Emulate()!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_by_the_trap_flag_ends_in_a_debug_exception()
    {
        Prepare();
        _guest.Cpu.Registers.Rflags |= 1 << 8;
        _guest.Assemble(a => a.mov(__dword_ptr[rdi], eax));
        AssertDone("mov");
        Assert.Equal(((byte)1, (uint?)null), _guest.Cpu.Injected);
    }

    [Fact]
    public void A_refusal_shows_the_instruction_and_its_bytes()
    {
        Prepare();
        _guest.Assemble(a => a.add(__dword_ptr[rdi], eax));
        CpuRegisters before = _guest.Cpu.Registers;
        RefusedInstruction refused = Assert.IsType<RefusedInstruction>(_guest.Emulate());
        Assert.Equal("the instruction at 0x100000 touches 0x300000 and does more than move data: add [rdi],eax (0107). "
            + "What is done for guests at device addresses: mov, movzx, movsx, movsxd, movbe, movnti, movdiri, movs, stos, lods", refused.ToString());
        Assert.Equal(before, _guest.Cpu.Registers);
        Assert.Empty(_guest.Bus.Accesses);
    }

    [Fact]
    public void Code_at_a_device_is_refused()
    {
        Prepare();
        _guest.Cpu.Registers.Rip = EmulatedGuest.Device;
        Assert.Contains("fetches code", _guest.EmulateFetch()!.Reason, StringComparison.Ordinal);
    }

    public void Dispose() => _guest.Dispose();

    private void Prepare()
    {
        _guest.Cpu.Registers.Rax = 0x1122_3344_5566_7788;
        _guest.Cpu.Registers.Rcx = 3;
        _guest.Cpu.Registers.Rdi = EmulatedGuest.Device;
        _guest.Cpu.Registers.Rip = EmulatedGuest.Code;
        _guest.Cpu.System.Gs = CpuSegment.Data(0) with { Base = 0x1000 };
    }

    private void AssertDone(string name)
    {
        RefusedInstruction? refused = _guest.Emulate();
        Assert.True(refused is null, $"{name}: {refused}");
    }
}
