using Iced.Intel;
using Makatea.Platform;

namespace Makatea.Vmm.Tests;

/// <summary>Each instruction that there is, at a device's address: moved as it should, or refused, and never anything else.</summary>
public sealed class MnemonicTests
{
    private static readonly HashSet<Mnemonic> _moves =
    [
        Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd, Mnemonic.Movbe, Mnemonic.Movnti, Mnemonic.Movdiri,
        Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq, Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq,
        Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Lodsq,
    ];

    [Fact]
    public void Every_mnemonic_with_a_memory_operand_is_moved_or_refused()
    {
        using var guest = new EmulatedGuest();
        HashSet<Mnemonic> seen = [];
        HashSet<Mnemonic> moved = [];
        foreach (Code code in Enum.GetValues<Code>())
        {
            if (!TryEncode(code, out byte[] bytes, out Mnemonic mnemonic))
            {
                continue;
            }

            seen.Add(mnemonic);
            guest.Cpu.Registers = new() { Rip = EmulatedGuest.Code, Rflags = CpuRegisters.ReservedFlag, Rdi = EmulatedGuest.Device, Rsi = EmulatedGuest.Device + 64, Rcx = 1 };
            guest.Bytes(EmulatedGuest.Code, GuestInstructionReader.MaxLength).Fill(0xcc);
            guest.Write(bytes);
            guest.Bus.Accesses.Clear();
            if (guest.Emulate() is null)
            {
                moved.Add(mnemonic);
                Assert.InRange(guest.Bus.Accesses.Count, 1, 2);
            }
            else
            {
                Assert.Empty(guest.Bus.Accesses);
            }
        }

        // Some have no memory operand, or none in 64-bit mode.
        Assert.True(seen.Count > 1200, $"{seen.Count} mnemonics were tried");
        Assert.Equal(_moves.Order(), moved.Order());
    }

    /// <summary>Encodes an instruction whose memory operand is at RDI.</summary>
    private static bool TryEncode(Code code, out byte[] bytes, out Mnemonic mnemonic)
    {
        mnemonic = code.Mnemonic();
        bytes = [];
        OpCodeInfo info = code.ToOpCode();
        if (!info.IsInstruction || !info.Mode64 || info.OpCount == 0)
        {
            return false;
        }

        var instruction = default(Instruction);
        instruction.Code = code;
        instruction.MemoryBase = Register.RDI;
        instruction.MemoryDisplSize = 0;
        bool hasMemory = false;
        for (int i = 0; i < info.OpCount; i++)
        {
            if (!TrySetOperand(ref instruction, i, info.GetOpKind(i), ref hasMemory))
            {
                return false;
            }
        }

        var writer = new ByteWriter();
        if (!hasMemory || !Encoder.Create(64, writer).TryEncode(instruction, EmulatedGuest.Code, out _, out _))
        {
            return false;
        }

        bytes = [.. writer.Bytes];
        return true;
    }

    private static bool TrySetOperand(ref Instruction instruction, int operand, OpCodeOperandKind kind, ref bool hasMemory)
    {
        string name = kind.ToString();
        OpKind? value = kind switch
        {
            OpCodeOperandKind.seg_rSI => OpKind.MemorySegRSI,
            OpCodeOperandKind.es_rDI => OpKind.MemoryESRDI,
            OpCodeOperandKind.seg_rDI => OpKind.MemorySegRDI,
            OpCodeOperandKind.mem_offs => OpKind.Memory,
            _ when name.StartsWith("mem", StringComparison.Ordinal) || name.Contains("_or_mem", StringComparison.Ordinal) => OpKind.Memory,
            OpCodeOperandKind.imm8 or OpCodeOperandKind.imm8_const_1 => OpKind.Immediate8,
            OpCodeOperandKind.imm8sex16 => OpKind.Immediate8to16,
            OpCodeOperandKind.imm8sex32 => OpKind.Immediate8to32,
            OpCodeOperandKind.imm8sex64 => OpKind.Immediate8to64,
            OpCodeOperandKind.imm16 => OpKind.Immediate16,
            OpCodeOperandKind.imm32 => OpKind.Immediate32,
            OpCodeOperandKind.imm32sex64 => OpKind.Immediate32to64,
            OpCodeOperandKind.imm64 => OpKind.Immediate64,
            _ => null,
        };
        if (operand == 4)
        {
            // A fifth operand can be an immediate of 8 bits alone, which 0 is.
            return value == OpKind.Immediate8;
        }

        if (value is { } given)
        {
            instruction.SetOpKind(operand, given);
            hasMemory |= given is OpKind.Memory or OpKind.MemorySegRSI or OpKind.MemoryESRDI or OpKind.MemorySegRDI;
            if (kind == OpCodeOperandKind.mem_offs)
            {
                instruction.MemoryBase = Register.None;
                instruction.MemoryDisplacement64 = EmulatedGuest.Device;
                instruction.MemoryDisplSize = 8;
            }
            else if (kind == OpCodeOperandKind.imm8_const_1)
            {
                instruction.Immediate8 = 1;
            }

            return true;
        }

        instruction.SetOpKind(operand, OpKind.Register);
        instruction.SetOpRegister(operand, RegisterFor(name));
        return true;
    }

    private static Register RegisterFor(string kind) => kind switch
    {
        "al" => Register.AL,
        "ax" => Register.AX,
        "eax" => Register.EAX,
        "rax" => Register.RAX,
        "cl" => Register.CL,
        "dx" => Register.DX,
        "st0" => Register.ST0,
        _ when kind.StartsWith("r8", StringComparison.Ordinal) => Register.BL,
        _ when kind.StartsWith("r16", StringComparison.Ordinal) => Register.BX,
        _ when kind.StartsWith("r32", StringComparison.Ordinal) => Register.EBX,
        _ when kind.StartsWith("r64", StringComparison.Ordinal) => Register.RBX,
        _ when kind.StartsWith("xmm", StringComparison.Ordinal) => Register.XMM1,
        _ when kind.StartsWith("ymm", StringComparison.Ordinal) => Register.YMM1,
        _ when kind.StartsWith("zmm", StringComparison.Ordinal) => Register.ZMM1,
        _ when kind.StartsWith("mm", StringComparison.Ordinal) => Register.MM1,
        _ when kind.StartsWith("k_", StringComparison.Ordinal) => Register.K1,
        _ when kind.StartsWith("seg", StringComparison.Ordinal) => Register.DS,
        _ when kind.StartsWith("bnd", StringComparison.Ordinal) => Register.BND1,
        _ when kind.StartsWith("tmm", StringComparison.Ordinal) => Register.TMM1,
        _ => Register.None,
    };

    private sealed class ByteWriter : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
