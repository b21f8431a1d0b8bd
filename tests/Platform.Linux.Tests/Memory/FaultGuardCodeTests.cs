using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Makatea.Platform.Linux.Tests;

/// <summary>The machine code is what its comments say.</summary>
public sealed class FaultGuardCodeTests
{
    private const string Listing = """
        00 endbr64
        04 mov eax,[rsi+8]
        07 sub eax,2
        0a cmp eax,2
        0d ja 7Dh
        0f mov rax,[rsi+10h]
        13 mov r8,[0D0h]
        1a mov r9,[0D8h]
        21 cmp r8,r9
        24 jae 7Dh
        26 mov r11,[r8+8]
        2a cmp rax,r11
        2d jae 41h
        2f mov r10,[r8]
        32 cmp rax,r10
        35 jb 41h
        37 mov ecx,[r8+10h]
        3b cmp r11,[r8+8]
        3f je 47h
        41 add r8,20h
        45 jmp 21h
        47 mov dword ptr [r8+14h],1
        4f push rdi
        50 push rsi
        51 push rdx
        52 mov rdi,r10
        55 mov rsi,r11
        58 sub rsi,r10
        5b mov edx,ecx
        5d mov r10d,4032h
        63 or r8,0FFFFFFFFFFFFFFFFh
        67 xor r9d,r9d
        6a mov eax,9
        6f syscall
        71 pop rdx
        72 pop rsi
        73 pop rdi
        74 cmp rax,0FFFFFFFFFFFFF001h
        7a jae 7Dh
        7c ret
        7d mov rax,[0E0h]
        84 cmp rax,1
        88 jbe 8Ch
        8a jmp rax
        8c push rdi
        8d lea rsi,[0E8h]
        94 xor edx,edx
        96 mov r10d,8
        9c mov eax,0Dh
        a1 syscall
        a3 mov eax,27h
        a8 syscall
        aa mov r8d,eax
        ad mov eax,0BAh
        b2 syscall
        b4 mov edi,r8d
        b7 mov esi,eax
        b9 pop rdx
        ba mov eax,0EAh
        bf syscall
        c1 ret
        """;

    [Fact]
    public void The_bytes_disassemble_to_the_listing() =>
        Assert.Equal(Listing.Split('\n'), Disassemble(FaultGuardCode.Instructions.ToArray()));

    [Fact]
    public void The_source_comments_are_the_listing()
    {
        IEnumerable<string> comments = File.ReadLines(SourceFile())
            .Where(line => line.TrimStart().StartsWith("0x", StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf("//", StringComparison.Ordinal) + 3)..]);
        Assert.Equal(Listing.Split('\n'), comments);
    }

    [Fact]
    public void The_variables_follow_the_instructions()
    {
        Assert.True(FaultGuardCode.Instructions.Length <= FaultGuardCode.TableOffset);
        Assert.Equal(FaultGuardCode.Length, FaultGuardCode.DefaultActionOffset + 32);
    }

    [Fact]
    public void Table_entries_have_the_layout_that_the_code_knows()
    {
        Assert.Equal(0x20, Unsafe.SizeOf<FaultGuardEntry>());
        Assert.Equal(0, (int)Marshal.OffsetOf<FaultGuardEntry>(nameof(FaultGuardEntry.Start)));
        Assert.Equal(8, (int)Marshal.OffsetOf<FaultGuardEntry>(nameof(FaultGuardEntry.End)));
        Assert.Equal(0x10, (int)Marshal.OffsetOf<FaultGuardEntry>(nameof(FaultGuardEntry.Protection)));
        Assert.Equal(0x14, (int)Marshal.OffsetOf<FaultGuardEntry>(nameof(FaultGuardEntry.Lost)));
    }

    private static List<string> Disassemble(byte[] code)
    {
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(code), 0);
        MasmFormatter formatter = new();
        formatter.Options.BranchLeadingZeros = false;
        formatter.Options.ShowBranchSize = false;
        StringOutput output = new();
        List<string> lines = [];
        while (decoder.IP < (ulong)code.Length)
        {
            Instruction instruction = decoder.Decode();
            formatter.Format(instruction, output);
            lines.Add($"{instruction.IP:x2} {output.ToStringAndReset()}");
        }

        return lines;
    }

    private static string SourceFile([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "../../../src/Platform.Linux/Memory/FaultGuardCode.cs");
}
