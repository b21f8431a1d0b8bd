using System.Diagnostics;
using System.Globalization;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Programs;

namespace Makatea.Sel4.Tests.Programs;

/// <summary>A program with all of our libraries and .NET in it, compiled ahead of time and linked statically.</summary>
[Trait("Category", "Image")]
public sealed class StaticProgramTests
{
    [Fact]
    public void Every_system_call_of_a_NET_program_is_found_and_rewritten()
    {
        ElfFile before = StaticProgram.Publish("AotSmoke", "aotsmoke");
        Assert.Equal(2, before.Type);
        Assert.DoesNotContain(before.Segments, s => s.Type == ElfSegment.Interpreter);
        RewrittenImage image = SyscallRewriter.Rewrite(before);
        var after = ElfFile.Parse("after", image.Bytes);

        // Another disassembler finds the same, before and after.
        ulong[] sites = [.. image.Sites.Select(s => s.Address)];
        Assert.Equal(sites, Disassemble(before.Bytes, "syscall"));
        Assert.Empty(Disassemble(image.Bytes, "syscall"));
        Assert.Equal(sites, Disassemble(image.Bytes, "int    $0xc0"));
        Assert.InRange(sites.Length, 150, 400);
        Assert.InRange(image.OtherPairs, 1, 100);
        _ = ElfFile.Parse("after", image.Bytes);

        int changed = 0;
        for (int i = 0; i < image.Bytes.Length; i++)
        {
            changed += before.Bytes[i] == image.Bytes[i] ? 0 : 1;
        }

        Assert.Equal(image.Sites.Count * 2, changed);
    }

    /// <summary>Where an instruction is, as objdump sees it.</summary>
    private static ulong[] Disassemble(ReadOnlySpan<byte> program, string instruction)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, program);
            using Process objdump = Process.Start(new ProcessStartInfo("objdump", ["-d", "--no-show-raw-insn", "--wide", file]) { RedirectStandardOutput = true })!;
            var found = new List<ulong>();
            while (objdump.StandardOutput.ReadLine() is { } line)
            {
                string[] parts = line.Split(":\t", 2);
                if (parts.Length == 2 && parts[1].TrimEnd() == instruction)
                {
                    found.Add(ulong.Parse(parts[0].Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                }
            }

            return [.. found];
        }
        finally
        {
            File.Delete(file);
        }
    }
}
