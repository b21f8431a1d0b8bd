using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>An instruction of classic BPF (<c>struct sock_filter</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct BpfInstruction(ushort Code, byte IfTrue, byte IfFalse, uint Operand)
{
    public const int OperandOffset = 4;
}

/// <summary>
/// Assembles rules into a filter: the number is looked up in a binary tree, whose leaves test arguments and return.
/// Calls that are admitted whatever their arguments cost nothing at run time: since Linux 5.11 the kernel keeps them in a bitmap.
/// </summary>
internal sealed class SeccompProgram
{
    public const uint Allow = 0x7FFF_0000;
    public const uint KillProcess = 0x8000_0000;
    public const uint Errno = 0x0005_0000;

    internal const ushort LoadWord = 0x20;
    internal const ushort And = 0x54;
    internal const ushort Jump = 0x05;
    internal const ushort JumpIfEqual = 0x15;
    internal const ushort JumpIfAtLeast = 0x35;
    internal const ushort Return = 0x06;

    // struct seccomp_data { int nr; u32 arch; u64 instruction_pointer; u64 args[6]; }
    internal const uint NumberOffset = 0;
    internal const uint ArchitectureOffset = 4;
    internal const uint ArgumentsOffset = 16;

    private const uint ArchitectureX64 = 0xC000_003E;
    private const uint X32Bit = 0x4000_0000;

    private readonly List<BpfInstruction> _code = [];
    private readonly List<int> _ownProcess = [];
    private readonly uint _otherwise;

    private SeccompProgram(uint otherwise) => _otherwise = otherwise;

    /// <summary>The filter.</summary>
    public ReadOnlySpan<BpfInstruction> Code => CollectionsMarshal.AsSpan(_code);

    /// <summary>Instructions whose operand is the id of the process that the filter goes on; 1 until somebody knows better.</summary>
    public IReadOnlyList<int> OwnProcessOperands => _ownProcess;

    /// <summary>Assembles.</summary>
    /// <param name="rules">One for each system call; others get <paramref name="otherwise"/>.</param>
    /// <param name="otherwise">A seccomp action.</param>
    public static SeccompProgram Assemble(IEnumerable<SyscallRule> rules, uint otherwise)
    {
        var program = new SeccompProgram(otherwise);
        program.Emit(LoadWord, ArchitectureOffset);
        program.Emit(JumpIfEqual, ArchitectureX64, 1, 0);
        program.Emit(Return, KillProcess);
        program.Emit(LoadWord, NumberOffset);
        program.Emit(JumpIfAtLeast, X32Bit, 0, 1);
        program.Emit(Return, KillProcess);

        SyscallRule[] sorted = [.. rules.OrderBy(r => r.Number)];
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].Number == sorted[i - 1].Number)
            {
                throw new InvalidOperationException($"two rules for {sorted[i].Number}");
            }
        }

        program.EmitTree(sorted);
        return program;
    }

    private void EmitTree(ReadOnlySpan<SyscallRule> rules)
    {
        if (rules.Length == 1)
        {
            Emit(JumpIfEqual, (uint)rules[0].Number, 1, 0);
            Emit(Return, _otherwise);
            EmitRule(rules[0]);
            return;
        }

        int middle = rules.Length / 2;
        Emit(JumpIfAtLeast, (uint)rules[middle].Number, 0, 1);
        int jump = _code.Count;
        Emit(Jump, 0);
        EmitTree(rules[..middle]);
        _code[jump] = _code[jump] with { Operand = (uint)(_code.Count - jump - 1) };
        EmitTree(rules[middle..]);
    }

    private void EmitRule(SyscallRule rule)
    {
        foreach (ArgumentTest[] tests in rule.Alternatives)
        {
            // Each test that fails jumps over the rest of its alternative, the "return" included.
            int length = tests.Sum(LengthOf) + 1;
            int start = _code.Count;
            foreach (ArgumentTest test in tests)
            {
                Emit(LoadWord, ArgumentsOffset + (8 * (uint)test.Argument) + (test.High ? 4u : 0));
                if (test.Mask != uint.MaxValue)
                {
                    Emit(And, test.Mask);
                }

                if (test.OwnProcess)
                {
                    _ownProcess.Add(_code.Count);
                }

                int remaining = start + length - _code.Count - 1;
                Emit(test.AtLeast ? JumpIfAtLeast : JumpIfEqual, test.Value, 0, checked((byte)remaining));
            }

            Emit(Return, Allow);
        }

        if (!rule.IsAlwaysAdmitted)
        {
            Emit(Return, Errno | (uint)rule.Error);
        }
    }

    private static int LengthOf(ArgumentTest test) => test.Mask == uint.MaxValue ? 2 : 3;

    private void Emit(ushort code, uint operand, byte ifTrue = 0, byte ifFalse = 0) => _code.Add(new(code, ifTrue, ifFalse, operand));
}
