using Iced.Intel;

namespace Makatea.Vmm;

/// <summary>What of an instruction is data movement: how many bytes go from where to where, and what happens to them on the way.</summary>
internal readonly record struct DataMovement
{
    /// <summary>Bytes in memory: 1, 2, 4 or 8.</summary>
    public int Width { get; private init; }

    /// <summary>The string instructions move their pointers and may repeat.</summary>
    public bool IsString { get; private init; }

    /// <summary>A load into a register fills its upper bits with the sign.</summary>
    public bool IsSigned { get; private init; }

    /// <summary>MOVBE: the other byte order.</summary>
    public bool IsSwapped { get; private init; }

    /// <summary>The operand that is stored to: 0, or none.</summary>
    public bool Stores { get; private init; }

    /// <summary>The operand that is loaded is in memory.</summary>
    public bool Loads { get; private init; }

    /// <summary>Recognises an instruction.</summary>
    /// <returns>False for all but data movement between memory and general registers.</returns>
    public static bool TryRecognise(in Instruction instruction, out DataMovement movement)
    {
        bool isString = instruction.Mnemonic is Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq
            or Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq
            or Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd or Mnemonic.Lodsq;
        bool isMove = isString || instruction.Mnemonic is Mnemonic.Mov or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Movbe or Mnemonic.Movnti or Mnemonic.Movdiri;
        movement = new()
        {
            Width = instruction.MemorySize.GetSize(),
            IsString = isString,
            IsSigned = instruction.Mnemonic is Mnemonic.Movsx or Mnemonic.Movsxd,
            IsSwapped = instruction.Mnemonic is Mnemonic.Movbe,
            Stores = IsMemory(instruction.Op0Kind),
            Loads = instruction.OpCount > 1 && IsMemory(instruction.Op1Kind),
        };

        // MOVSD is a move of SSE, too, and MOV reaches segment, control and debug registers.
        return isMove && instruction.Encoding == EncodingKind.Legacy && !instruction.HasLockPrefix && (movement.Stores || movement.Loads)
            && IsPlain(instruction, 0) && IsPlain(instruction, 1) && movement.Width is 1 or 2 or 4 or 8;
    }

    /// <summary>What a load puts into its register.</summary>
    /// <param name="value">What was in memory.</param>
    public ulong Extend(ulong value)
    {
        int unused = 64 - (8 * Width);
        return IsSwapped ? System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value) >> unused
            : IsSigned ? (ulong)((long)(value << unused) >> unused)
            : value;
    }

    private static bool IsMemory(OpKind kind) => kind is OpKind.Memory
        or OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegRSI
        or OpKind.MemoryESDI or OpKind.MemoryESEDI or OpKind.MemoryESRDI;

    private static bool IsPlain(in Instruction instruction, int operand)
    {
        OpKind kind = instruction.GetOpKind(operand);
        return IsMemory(kind) || (kind == OpKind.Register ? OperandRegisters.IsGeneral(instruction.GetOpRegister(operand)) : IsImmediate(kind));
    }

    private static bool IsImmediate(OpKind kind) => kind is OpKind.Immediate8 or OpKind.Immediate16 or OpKind.Immediate32 or OpKind.Immediate64
        or OpKind.Immediate8to16 or OpKind.Immediate8to32 or OpKind.Immediate8to64 or OpKind.Immediate32to64;
}
