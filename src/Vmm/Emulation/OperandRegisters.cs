using Iced.Intel;
using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>A processor's registers as instructions name them: parts of general registers, bases of segments.</summary>
internal sealed class OperandRegisters : IVATryGetRegisterValueProvider
{
    /// <summary>The general registers.</summary>
    public CpuRegisters General;

    /// <summary>Segments and control registers.</summary>
    public CpuSystemRegisters System;

    /// <summary>The code segment is of 64 bits.</summary>
    public bool Is64Bit => (System.Efer & CpuSystemRegisters.LongModeActive) != 0 && (System.Cs.Rights & CodeLong) != 0;

    /// <summary>Bits of the code segment: 16, 32 or 64.</summary>
    public int Bitness => Is64Bit ? 64 : (System.Cs.Rights & DefaultBig) != 0 && (System.Cr0 & CpuSystemRegisters.ProtectionEnable) != 0 ? 32 : 16;

    /// <summary>The guest's program, not its kernel ([SDM] 3A 5.5: the privilege level is that of SS).</summary>
    public bool IsUser => (System.Cr0 & CpuSystemRegisters.ProtectionEnable) != 0 && ((System.Ss.Rights >> 5) & 3) == 3;

    private const uint CodeLong = 1 << 13;
    private const uint DefaultBig = 1 << 14;

    /// <summary>A general register or a part of one.</summary>
    public static bool IsGeneral(Register register) => register.IsGPR();

    /// <summary>Reads a general register or a part of one.</summary>
    public ulong Read(Register register)
    {
        ulong whole = General[register.GetFullRegister().GetNumber()];
        return IsHighByte(register) ? (whole >> 8) & 0xff : whole & RegisterWidth.Mask(register.GetSize());
    }

    /// <summary>Writes a general register or a part of one: 32 bits clear the upper half, fewer leave the rest ([SDM] 1 3.4.1.1).</summary>
    public void Write(Register register, ulong value)
    {
        int number = register.GetFullRegister().GetNumber();
        int size = register.GetSize();
        General[number] = size switch
        {
            8 => value,
            4 => (uint)value,
            2 => (General[number] & ~0xfffful) | (ushort)value,
            _ when IsHighByte(register) => (General[number] & ~0xff00ul) | ((ulong)(byte)value << 8),
            _ => (General[number] & ~0xfful) | (byte)value,
        };
    }

    /// <summary>A segment.</summary>
    public CpuSegment Segment(Register segment) => segment switch
    {
        Register.ES => System.Es,
        Register.CS => System.Cs,
        Register.SS => System.Ss,
        Register.FS => System.Fs,
        Register.GS => System.Gs,
        _ => System.Ds,
    };

    /// <summary>Base of a segment: in 64-bit mode FS and GS alone have one.</summary>
    public ulong Base(Register segment) => Is64Bit && segment is not (Register.FS or Register.GS) ? 0 : Segment(segment).Base;

    /// <inheritdoc/>
    public bool TryGetRegisterValue(Register register, int elementIndex, int elementSize, out ulong value)
    {
        if (register.IsSegmentRegister())
        {
            value = Base(register);
            return true;
        }

        bool isKnown = IsGeneral(register);
        value = isKnown ? Read(register) : 0;
        return isKnown;
    }

    private static bool IsHighByte(Register register) => register is Register.AH or Register.CH or Register.DH or Register.BH;
}
