using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Iced.Intel;
using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux.Tests;

/// <summary>The machine code is what its comments say, and agrees with the structures.</summary>
public sealed partial class SpawnStubTests
{
    [Fact]
    public void TheCodeIsWhatTheCommentsSay()
    {
        string[] lines = [.. File.ReadLines(SourcePath()).Where(l => l.TrimStart().StartsWith("0x", StringComparison.Ordinal))];
        byte[] code = SpawnStub.Code.ToArray();
        int offset = 0;
        foreach (string line in lines)
        {
            byte[] bytes = [.. Bytes().Matches(line.Split("//")[0]).Select(m => byte.Parse(m.Value.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            string comment = Spaces().Replace(line.Split("//")[1].Split(';')[0].Trim(), " ");
            Assert.Equal(bytes, code[offset..(offset + bytes.Length)]);

            var decoder = Decoder.Create(64, bytes);
            decoder.IP = (ulong)offset;
            decoder.Decode(out Instruction instruction);
            Assert.Equal(bytes.Length, instruction.Length);
            var formatter = new NasmFormatter();
            formatter.Options.ShowBranchSize = true;
            formatter.Options.BranchLeadingZeros = false;
            formatter.Options.MemorySizeOptions = MemorySizeOptions.Never;
            var output = new StringOutput();
            formatter.Format(instruction, output);
            Assert.Equal(comment, output.ToStringAndReset());
            offset += bytes.Length;
        }

        Assert.Equal(code.Length, offset);
    }

    [Fact]
    public void StructuresHaveTheLayoutThatTheCodeReads()
    {
        Assert.Equal(0x60, Unsafe.SizeOf<SyscallStep>());
        Assert.Equal(0x00, Offset<SyscallStep>(nameof(SyscallStep.Number)));
        Assert.Equal(0x08, Offset<SyscallStep>(nameof(SyscallStep.Arguments)));
        Assert.Equal(0x38, Offset<SyscallStep>(nameof(SyscallStep.Minimum)));
        Assert.Equal(0x40, Offset<SyscallStep>(nameof(SyscallStep.Patch)));
        Assert.Equal(0x48, Offset<SyscallStep>(nameof(SyscallStep.OnSuccess)));
        Assert.Equal(0x50, Offset<SyscallStep>(nameof(SyscallStep.OnFailure)));
        Assert.Equal(0x58, Offset<SyscallStep>(nameof(SyscallStep.Result)));

        Assert.Equal(0x40, Unsafe.SizeOf<SpawnHeader>());
        Assert.Equal(0x00, Offset<SpawnHeader>(nameof(SpawnHeader.CloneFlags)));
        Assert.Equal(0x08, Offset<SpawnHeader>(nameof(SpawnHeader.BlockedSignals)));
        Assert.Equal(0x10, Offset<SpawnHeader>(nameof(SpawnHeader.SavedSignals)));
        Assert.Equal(0x18, Offset<SpawnHeader>(nameof(SpawnHeader.ProcessDescriptor)));
        Assert.Equal(0x20, Offset<SpawnHeader>(nameof(SpawnHeader.Current)));
        Assert.Equal(0x28, Offset<SpawnHeader>(nameof(SpawnHeader.Failed)));

        Assert.Equal(8, Unsafe.SizeOf<BpfInstruction>()); // struct sock_filter
    }

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);

    private static string SourcePath([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../src/Platform.Linux/Sandbox/Internal/SpawnStub.cs"));

    [GeneratedRegex("0x[0-9A-F]{2}")]
    private static partial Regex Bytes();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}
