using System.Buffers.Binary;

namespace Makatea.Platform.Tests;

/// <summary>A processor's state in a file, and what is said of a damaged one.</summary>
public sealed class CpuStateTests
{
    [Fact]
    public void A_state_is_the_same_when_read_back()
    {
        CpuState state = Sample();
        CpuState read = CpuState.FromBytes(state.ToBytes());
        Assert.Equal(state.Registers, read.Registers);
        Assert.Equal(state.SystemRegisters, read.SystemRegisters);
        Assert.Equal(state.DebugRegisters, read.DebugRegisters);
        Assert.Equal(state.Xcr0, read.Xcr0);
        Assert.Equal(state.Events, read.Events);
        Assert.Equal(state.Msrs, read.Msrs);
        Assert.Equal(state.ExtendedState.ToArray(), read.ExtendedState.ToArray());
    }

    [Fact]
    public void Events_that_are_not_there_are_not_there_afterwards()
    {
        CpuState state = Sample() with { Events = new() { Exception = new(6, null) } };
        Assert.Equal(state.Events, CpuState.FromBytes(state.ToBytes()).Events);
        state = Sample() with { Events = default };
        Assert.Equal(state.Events, CpuState.FromBytes(state.ToBytes()).Events);
    }

    [Fact]
    public void Every_register_has_its_own_place()
    {
        byte[] bytes = Sample().ToBytes();
        int words = (bytes.Length - Sample().ExtendedState.Length) / 8;

        // Behind the head: changing any bit changes the state that is read, or is refused.
        for (int word = 2; word < words; word++)
        {
            byte[] changed = [.. bytes];
            changed[word * 8] ^= 1;
            try
            {
                Assert.NotEqual(bytes, CpuState.FromBytes(changed).ToBytes());
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    [Fact]
    public void A_state_that_ends_early_or_late_is_refused()
    {
        byte[] bytes = Sample().ToBytes();
        for (int length = 0; length < bytes.Length; length += 3)
        {
            Assert.Throws<InvalidDataException>(() => CpuState.FromBytes(bytes.AsMemory(0, length)));
        }

        Assert.Throws<InvalidDataException>(() => CpuState.FromBytes((byte[])[.. bytes, 0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void Another_form_is_refused(int offset)
    {
        byte[] bytes = Sample().ToBytes();
        bytes[offset]++;
        Assert.Contains("form 1", Assert.Throws<InvalidDataException>(() => CpuState.FromBytes(bytes)).Message);
    }

    [Fact]
    public void What_chooses_a_length_is_bounded()
    {
        CpuState state = Sample();
        byte[] bytes = state.ToBytes();
        int count = bytes.Length - state.ExtendedState.Length - 8 - (16 * state.Msrs.Count) - 8;
        Assert.Equal((ulong)state.Msrs.Count, BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(count)));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(count), 1ul << 40);
        Assert.Contains("at most", Assert.Throws<InvalidDataException>(() => CpuState.FromBytes(bytes)).Message);
    }

    [Fact]
    public void Registers_have_the_numbers_that_instructions_use()
    {
        CpuRegisters registers = new() { Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsp = 4, Rbp = 5, Rsi = 6, Rdi = 7, R8 = 8, R15 = 15 };
        foreach (int number in (int[])[0, 1, 2, 3, 4, 5, 6, 7, 8, 15])
        {
            Assert.Equal((ulong)number, registers[number]);
        }

        for (int i = 0; i < 16; i++)
        {
            registers[i] = 100 + (ulong)i;
            Assert.Equal(100 + (ulong)i, registers[i]);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => registers[16]);
        Assert.Throws<ArgumentOutOfRangeException>(() => registers[-1] = 0);
    }

    private static CpuState Sample()
    {
        ulong next = 1;
        CpuRegisters registers = default;
        for (int i = 0; i < 16; i++)
        {
            registers[i] = Next();
        }

        registers.Rip = Next();
        registers.Rflags = Next();
        return new()
        {
            Registers = registers,
            SystemRegisters = new()
            {
                Cs = Segment(),
                Ds = Segment(),
                Es = Segment(),
                Fs = Segment(),
                Gs = Segment(),
                Ss = Segment(),
                Tr = Segment(),
                Ldt = Segment(),
                Gdt = new(Next(), 17),
                Idt = new(Next(), 18),
                Cr0 = Next(),
                Cr2 = Next(),
                Cr3 = Next(),
                Cr4 = Next(),
                Cr8 = Next(),
                Efer = Next(),
                ApicBase = Next(),
            },
            DebugRegisters = new(Next(), Next(), Next(), Next(), Next(), Next()),
            Xcr0 = Next(),
            ExtendedState = Enumerable.Range(0, 4096).Select(i => (byte)i).ToArray(),
            Msrs = [new(0x10, Next()), new(0xc0000080, Next())],
            Events = new() { Exception = new(14, 3), Interrupt = 0x80, IsInterruptSoftware = true, IsShadowOfMovSs = true, IsNmiPending = true },
        };

        ulong Next() => next++ * 0x0102030405060708;
        CpuSegment Segment() => new((ushort)Next(), Next(), (uint)Next(), (uint)Next());
    }
}
