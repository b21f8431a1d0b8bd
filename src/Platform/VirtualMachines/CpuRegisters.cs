using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>General registers, instruction pointer and flags, in the order in which KVM has them.</summary>
[StructLayout(LayoutKind.Sequential)]
public record struct CpuRegisters
{
    /// <summary>RFLAGS' bit 1, which is always set.</summary>
    public const ulong ReservedFlag = 1 << 1;

    /// <summary>RFLAGS.IF.</summary>
    public const ulong InterruptFlag = 1 << 9;

#pragma warning disable CS1591 // The names of the processor's manual say it.
    public ulong Rax, Rbx, Rcx, Rdx;
    public ulong Rsi, Rdi, Rsp, Rbp;
    public ulong R8, R9, R10, R11;
    public ulong R12, R13, R14, R15;
    public ulong Rip, Rflags;
#pragma warning restore CS1591

    /// <summary>A general register by its number in instructions: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not 0 to 15.</exception>
    public ulong this[int number]
    {
        readonly get => number switch
        {
            0 => Rax,
            1 => Rcx,
            2 => Rdx,
            3 => Rbx,
            4 => Rsp,
            5 => Rbp,
            6 => Rsi,
            7 => Rdi,
            8 => R8,
            9 => R9,
            10 => R10,
            11 => R11,
            12 => R12,
            13 => R13,
            14 => R14,
            15 => R15,
            _ => throw new ArgumentOutOfRangeException(nameof(number)),
        };

        set
        {
            switch (number)
            {
                case 0: Rax = value; break;
                case 1: Rcx = value; break;
                case 2: Rdx = value; break;
                case 3: Rbx = value; break;
                case 4: Rsp = value; break;
                case 5: Rbp = value; break;
                case 6: Rsi = value; break;
                case 7: Rdi = value; break;
                case 8: R8 = value; break;
                case 9: R9 = value; break;
                case 10: R10 = value; break;
                case 11: R11 = value; break;
                case 12: R12 = value; break;
                case 13: R13 = value; break;
                case 14: R14 = value; break;
                case 15: R15 = value; break;
                default: throw new ArgumentOutOfRangeException(nameof(number));
            }
        }
    }

    /// <summary>After reset or INIT ([SDM] 3A, table 10-1).</summary>
    /// <param name="signature">EDX: the processor's family, model and stepping, as CPUID leaf 1 has them in EAX.</param>
    public static CpuRegisters AfterReset(uint signature = 0) => new() { Rip = 0xfff0, Rflags = ReservedFlag, Rdx = signature };
}
