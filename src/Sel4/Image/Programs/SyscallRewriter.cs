using System.Buffers.Binary;
using Iced.Intel;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Image.Programs;

/// <summary>
/// Makes the system calls of a static Linux program reach the Linux ABI layer. seL4 loses the stack pointer of a thread that executes <c>syscall</c> with a number that it does not know; an interrupt
/// instruction with a vector that it does not know becomes a fault with every register kept. So <c>syscall</c> (0F 05) becomes <c>int 0xC0</c> (CD C0), which has its length. The same two bytes may
/// be part of another instruction, or data: what they are is found by decoding the function that they are in, and where that does not tell the program is refused.
/// </summary>
public static class SyscallRewriter
{
    /// <summary>The vector: the kernel has no use for it and lets user level raise it.</summary>
    public const byte Vector = 0xc0;

    private const byte Interrupt = 0xcd;
    private const int MostReported = 8;

    private static ReadOnlySpan<byte> Syscall => [0x0f, 0x05];

    /// <summary>Rewrites a program.</summary>
    /// <param name="program">The program, with its symbols.</param>
    /// <exception cref="ImageException">Code and data in it cannot be told apart; the places are said.</exception>
    public static RewrittenImage Rewrite(ElfFile program)
    {
        if (!program.Sections.Any(s => s.IsCode))
        {
            throw program.Broken("it has no sections with code; link it without stripping it");
        }

        byte[] bytes = program.Bytes.ToArray();
        IReadOnlyList<(ulong, ulong)> unwound = UnwindTable.Functions(program);
        ulong[] initialisers = [.. Initialisers(program)];
        var sites = new List<SystemCallSite>();
        var unknown = new List<string>();
        int others = 0;
        for (int i = 0; i < program.Sections.Count; i++)
        {
            if (program.Sections[i] is not { IsCode: true } section)
            {
                continue;
            }

            CodeMap? map = null;
            foreach (int offset in FindPairs(program.Contents(section)))
            {
                map ??= new CodeMap(program, i, unwound, initialisers);
                ulong address = section.Address + (ulong)offset;
                CodeKind kind = map.Find(address, out string function, out Instruction instruction);
                if (kind == CodeKind.Instruction && instruction.Code == Code.Syscall && instruction.IP == address)
                {
                    bytes[(int)section.Offset + offset] = Interrupt;
                    bytes[(int)section.Offset + offset + 1] = Vector;
                    sites.Add(new SystemCallSite(address, function));
                }
                else if (kind == CodeKind.Unknown || instruction.Code == Code.Syscall)
                {
                    unknown.Add($"0x{address:x} in {section.Name} ({(function.Length == 0 ? "in no function" : function)})");
                }
                else
                {
                    others++;
                }
            }
        }

        return unknown.Count == 0 ? new RewrittenImage(bytes, [.. sites.OrderBy(s => s.Address)], others) : throw program.Broken(Refusal(unknown));
    }

    /// <summary>Functions that the C library calls before and after the program. Those that a compiler made of static variables' initial values have neither symbols that linkers keep nor, always, an unwind table.</summary>
    private static IEnumerable<ulong> Initialisers(ElfFile program)
    {
        foreach (ElfSection section in program.Sections.Where(s => s.Name is ".init_array" or ".fini_array" && s.Type is not ElfSection.NoBits and not 0))
        {
            for (int at = 0; at + sizeof(ulong) <= (int)section.Length; at += sizeof(ulong))
            {
                yield return BinaryPrimitives.ReadUInt64LittleEndian(program.Contents(section)[at..]);
            }
        }
    }

    private static string Refusal(List<string> places) =>
        $"code and data cannot be told apart at {string.Join(", ", places.Take(MostReported))}{(places.Count > MostReported ? $" and {places.Count - MostReported} other places" : "")}, "
        + "where the bytes of a syscall instruction are; link it with the symbols of its functions and its unwind table (do not strip it)";

    private static List<int> FindPairs(ReadOnlySpan<byte> code)
    {
        var found = new List<int>();
        for (int at = 0; code[at..].IndexOf(Syscall) is >= 0 and int next; at = found[^1] + 1)
        {
            found.Add(at + next);
        }

        return found;
    }
}
