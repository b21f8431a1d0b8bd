using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Makatea.Platform.Tests;

/// <summary>What the optimising compiler makes of the accessors of registers, and of those who call them.</summary>
[Trait("Category", "Long")]
public sealed class RegisterAccessCodeTests : IDisposable
{
    private readonly NativeArray<ulong> _register = new(1);

    private nint Register => _register.AsSegment().Address;

    public void Dispose() => _register.Dispose();

    [SkippableTheory]
    [InlineData(nameof(RegisterAccess.Read8), 1)]
    [InlineData(nameof(RegisterAccess.Read16), 2)]
    [InlineData(nameof(RegisterAccess.Read32), 4)]
    [InlineData(nameof(RegisterAccess.Read64), 8)]
    public void A_read_loads_once_with_its_width(string name, int width)
    {
        SkipUnlessOptimised();
        Assert.Equal([$"Read {width} at RDI"], MemoryAccesses(Disassemble(name)));
    }

    [SkippableTheory]
    [InlineData(nameof(RegisterAccess.Write8), 1)]
    [InlineData(nameof(RegisterAccess.Write16), 2)]
    [InlineData(nameof(RegisterAccess.Write32), 4)]
    [InlineData(nameof(RegisterAccess.Write64), 8)]
    public void A_write_stores_once_with_its_width(string name, int width)
    {
        SkipUnlessOptimised();
        Assert.Equal([$"Write {width} at RDI"], MemoryAccesses(Disassemble(name)));
    }

    [SkippableFact]
    public void Reads_whose_values_are_dropped_narrowed_or_the_same_are_all_made()
    {
        SkipUnlessOptimised();
        AssertCalls(3, nameof(ReadThrice), nameof(RegisterAccess.Read32));
    }

    [SkippableFact]
    public void Writes_of_the_same_value_are_all_made()
    {
        SkipUnlessOptimised();
        AssertCalls(2, nameof(WriteTwice), nameof(RegisterAccess.Write32));
    }

    /// <summary>The check sees what it is there for: code that compilers made of a volatile 32-bit read.</summary>
    [Theory]
    [InlineData("f60701c3", "Read 1 at RDI")] // test byte ptr [rdi],1: narrowed
    [InlineData("8b078b07c3", "Read 4 at RDI, Read 4 at RDI")] // mov eax,[rdi] twice
    [InlineData("c3", "")] // dropped
    [InlineData("830f01c3", "ReadWrite 4 at RDI")] // or dword ptr [rdi],1
    [InlineData("8b4704c3", "Read 4 at RDI+0x4")] // mov eax,[rdi+4]
    [InlineData("558bec8b45f85dc3", "")] // its own stack does not count
    public void Other_code_is_told_apart(string code, string accesses) =>
        Assert.Equal(accesses, string.Join(", ", MemoryAccesses(JittedCode.Disassemble(Convert.FromHexString(code), 0))));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ReadThrice(nint address)
    {
        _ = RegisterAccess.Read32(address);
        _ = RegisterAccess.Read32(address);
        return (RegisterAccess.Read32(address) & 1) != 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteTwice(nint address)
    {
        RegisterAccess.Write32(address, 1);
        RegisterAccess.Write32(address, 1);
    }

    internal static void SkipUnlessOptimised()
    {
        Skip.IfNot(RuntimeInformation.ProcessArchitecture == Architecture.X64, "the machine code is checked on x86-64 alone: run this test there");
        bool optimised = typeof(RegisterAccess).Assembly.GetCustomAttributes(typeof(DebuggableAttribute), false) is not [DebuggableAttribute { IsJITOptimizerDisabled: true }];
        Skip.IfNot(optimised, "built without optimisation: run the tests with -c Release");
    }

    /// <summary>Every access to memory but the stack and the cells through which methods are called, as text.</summary>
    private static IEnumerable<string> MemoryAccesses(IEnumerable<Instruction> code)
    {
        InstructionInfoFactory factory = new();
        foreach (Instruction instruction in code.Where(i => i.Mnemonic is not Mnemonic.Call))
        {
            // A copy: the factory uses its lists again.
            foreach (UsedMemory m in factory.GetInfo(instruction).GetUsedMemory().ToArray().Where(m => m.Base is not (Iced.Intel.Register.RSP or Iced.Intel.Register.RBP)))
            {
                string index = m.Index == Iced.Intel.Register.None ? "" : $"+{m.Index}*{m.Scale}";
                string displacement = m.Displacement == 0 ? "" : $"+0x{m.Displacement:x}";
                yield return $"{m.Access} {m.MemorySize.GetSize()} at {m.Base}{index}{displacement}";
            }
        }
    }

    private List<Instruction> Disassemble(string name)
    {
        nint a = Register;
        (Type type, Action call) = name switch
        {
            nameof(RegisterAccess.Read8) => (typeof(RegisterAccess), (Action)(() => RegisterAccess.Read8(a))),
            nameof(RegisterAccess.Read16) => (typeof(RegisterAccess), () => RegisterAccess.Read16(a)),
            nameof(RegisterAccess.Read32) => (typeof(RegisterAccess), () => RegisterAccess.Read32(a)),
            nameof(RegisterAccess.Read64) => (typeof(RegisterAccess), () => RegisterAccess.Read64(a)),
            nameof(RegisterAccess.Write8) => (typeof(RegisterAccess), () => RegisterAccess.Write8(a, 1)),
            nameof(RegisterAccess.Write16) => (typeof(RegisterAccess), () => RegisterAccess.Write16(a, 1)),
            nameof(RegisterAccess.Write32) => (typeof(RegisterAccess), () => RegisterAccess.Write32(a, 1)),
            nameof(RegisterAccess.Write64) => (typeof(RegisterAccess), () => RegisterAccess.Write64(a, 1)),
            nameof(ReadThrice) => (typeof(RegisterAccessCodeTests), () => ReadThrice(a)),
            nameof(WriteTwice) => (typeof(RegisterAccessCodeTests), () => WriteTwice(a)),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
        return JittedCode.Disassemble(type, name, call);
    }

    private void AssertCalls(int count, string caller, string accessor)
    {
        ulong target = Disassemble(accessor)[0].IP;
        List<Instruction> code = Disassemble(caller);
        Assert.Empty(MemoryAccesses(code));
        Instruction[] calls = [.. code.Where(i => i.Mnemonic == Mnemonic.Call)];
        Assert.Equal(count, calls.Length);
        Assert.All(calls, call => Assert.Equal(OpKind.Memory, call.Op0Kind));

        // The runtime lets the cell point to the optimised accessor a moment after it told of it.
        bool Reached() => calls.All(call => MemorySegment.UnsafeCreate((nint)call.MemoryDisplacement64, 8).ReadUInt64(0) == target);
        Assert.True(SpinWait.SpinUntil(Reached, TimeSpan.FromSeconds(10)), $"{caller} calls something else than {accessor}");
    }
}
