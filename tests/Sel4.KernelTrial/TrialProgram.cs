using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>A program of a few instructions, as an executable file in memory.</summary>
internal static unsafe class TrialProgram
{
    internal const ulong Address = 0x40_0000;
    internal const ulong Length = CodeOffset + 4096;

    private const int HeaderLength = 64;
    private const int CodeOffset = 4096;

    /// <summary>Makes one, in the place of the last.</summary>
    /// <param name="code">Its instructions in hexadecimal.</param>
    internal static byte* Make(string code)
    {
        byte* image = Memory();
        *(uint*)image = 0x464c_457f;
        *(uint*)(image + 4) = 0x0001_0102;
        *(ushort*)(image + 16) = 2;
        *(ushort*)(image + 18) = 62;
        *(ulong*)(image + 24) = Address;
        *(ulong*)(image + 32) = HeaderLength;
        *(ushort*)(image + 54) = 56;
        *(ushort*)(image + 56) = 1;
        byte* header = image + HeaderLength;
        *(uint*)header = 1;
        *(uint*)(header + 4) = 5;
        *(ulong*)(header + 8) = CodeOffset;
        *(ulong*)(header + 16) = Address;
        *(ulong*)(header + 32) = (ulong)code.Length / 2;
        *(ulong*)(header + 40) = 2 * 4096;
        Write(image + CodeOffset, code);
        return image;
    }

    /// <summary>Writes instructions.</summary>
    /// <param name="target">Where.</param>
    /// <param name="code">In hexadecimal.</param>
    internal static void Write(byte* target, string code)
    {
        for (int i = 0; i < code.Length / 2; i++)
        {
            target[i] = (byte)((Digit(code[2 * i]) << 4) | Digit(code[(2 * i) + 1]));
        }
    }

    private static int Digit(char digit) => digit <= '9' ? digit - '0' : digit - 'a' + 10;

    [RuntimeImport("*", "TrialMemory")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern byte* Memory();
}
