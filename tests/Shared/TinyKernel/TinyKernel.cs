using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Tests.Shared;

/// <summary>
/// A kernel of a few instructions, for machines whose KVM runs no more than that: an ELF file with a PVH entry. It says <c>tiny: </c> and its command line, counts, and does what it is told on its
/// serial port, which it watches all the time, as it does its power button.
/// </summary>
/// <remarks>
/// <c>c</c>: says the counter in 8 hexadecimal digits. <c>r</c>: resets the machine. <c>t</c>: a triple fault. <c>o</c>: powers off. <c>i</c>: ignores the power button from now on. <c>f</c>: floods the
/// console from now on. Anything else is said again.
/// </remarks>
internal static class TinyKernel
{
    private const uint Address = 0x20_0000;
    private const uint Text = Address + 0x800;
    private const uint Stack = 0x30_0000;
    private const uint Counter = 0x30_1000;
    private const uint IgnoresButton = 0x30_1004;
    private const ushort Serial = 0x3f8;
    private const ushort LineStatus = Serial + 5;
    private const ushort PowerStatus = 0x600;
    private const ushort PowerEnable = 0x602;
    private const ushort PowerControl = 0x604;
    private const ushort ResetControl = 0xcf9;
    private const ushort PowerButton = 1 << 8;
    private const ushort SoftOff = (1 << 13) | (5 << 10);
    private const ushort SoftOffOfQemu = 1 << 13;
    private const int CommandLineOffset = 24; // of hvm_start_info
    private const int FileHeader = 64;
    private const int ProgramHeader = 56;
    private const int CodeOffset = 0x1000;

    /// <summary>Writes it.</summary>
    /// <returns>The path.</returns>
    public static string Write(string path)
    {
        File.WriteAllBytes(path, Elf(Assemble()));
        return path;
    }

    private static byte[] Assemble()
    {
        var a = new Assembler(32);
        Label loop = a.CreateLabel();
        Label listen = a.CreateLabel();
        Label button = a.CreateLabel();
        Label print = a.CreateLabel();
        Label off = a.CreateLabel();
        Label end = a.CreateLabel();
        a.mov(esp, Stack);
        a.mov(__dword_ptr[Counter], 0);
        a.mov(__dword_ptr[IgnoresButton], 0);
        Out16(a, PowerEnable, PowerButton);
        a.mov(esi, Text);
        a.call(print);
        a.mov(esi, __dword_ptr[ebx + CommandLineOffset]);
        a.call(print);
        a.mov(al, (byte)'\n');
        Send(a);

        a.Label(ref loop);
        a.inc(__dword_ptr[Counter]);
        a.mov(dx, LineStatus);
        a.@in(al, dx);
        a.test(al, 1);
        a.jz(button);
        a.mov(dx, Serial);
        a.@in(al, dx);
        a.jmp(listen);

        a.Label(ref button);
        a.mov(dx, PowerStatus);
        a.@in(ax, dx);
        a.test(ax, PowerButton);
        a.jz(loop);
        Out16(a, PowerStatus, PowerButton);
        a.cmp(__dword_ptr[IgnoresButton], 0);
        a.jne(loop);
        a.Label(ref off);
        Out16(a, PowerControl, SoftOff);
        Out16(a, PowerControl, SoftOffOfQemu);
        a.Label(ref end);
        a.hlt();
        a.jmp(end);

        a.Label(ref listen);
        On(a, 'o', loop, () => a.jmp(off));
        On(a, 'c', loop, () => SayCounter(a));
        On(a, 'i', loop, () => a.mov(__dword_ptr[IgnoresButton], 1));
        On(a, 'r', loop, () =>
        {
            a.mov(dx, ResetControl);
            a.mov(al, 6);
            a.@out(dx, al);
        });
        On(a, 't', loop, () =>
        {
            a.push(0);
            a.push(0);
            a.lidt(__fword_ptr[esp]);
            a.int3();
        });
        On(a, 'f', loop, () =>
        {
            Label flood = a.CreateLabel();
            a.Label(ref flood);
            a.mov(esi, Address);
            a.mov(ecx, 1024);
            a.mov(dx, Serial);
            a.rep.outsb();
            a.inc(__dword_ptr[Counter]);
            a.jmp(flood);
        });
        Send(a);
        a.jmp(loop);

        Label done = a.CreateLabel();
        a.Label(ref print);
        a.lodsb();
        a.test(al, al);
        a.jz(done);
        Send(a);
        a.jmp(print);
        a.Label(ref done);
        a.ret();

        using var stream = new MemoryStream();
        a.Assemble(new StreamCodeWriter(stream), Address);
        stream.SetLength(Text - Address);
        stream.Seek(0, SeekOrigin.End);
        stream.Write("tiny: \0"u8);
        return stream.ToArray();
    }

    private static void On(Assembler a, char command, Label loop, Action what)
    {
        Label next = a.CreateLabel();
        a.cmp(al, (byte)command);
        a.jne(next);
        what();
        a.jmp(loop);
        a.Label(ref next);
        a.nop();
    }

    private static void SayCounter(Assembler a)
    {
        Label digit = a.CreateLabel();
        Label decimalDigit = a.CreateLabel();
        a.mov(ebp, __dword_ptr[Counter]);
        a.mov(ecx, 8);
        a.Label(ref digit);
        a.rol(ebp, 4);
        a.mov(eax, ebp);
        a.and(eax, 0xf);
        a.add(eax, '0');
        a.cmp(eax, '9' + 1);
        a.jb(decimalDigit);
        a.add(eax, 'a' - '9' - 1);
        a.Label(ref decimalDigit);
        Send(a);
        a.dec(ecx);
        a.jnz(digit);
        a.mov(al, (byte)'\n');
        Send(a);
    }

    private static void Send(Assembler a)
    {
        a.mov(dx, Serial);
        a.@out(dx, al);
    }

    private static void Out16(Assembler a, ushort port, ushort value)
    {
        a.mov(dx, port);
        a.mov(ax, value);
        a.@out(dx, ax);
    }

    /// <summary>A header, a segment with the code and some memory behind it, a note that says where it is entered.</summary>
    private static byte[] Elf(byte[] code)
    {
        const int NoteOffset = FileHeader + (2 * ProgramHeader);
        byte[] note = [4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, (byte)'X', (byte)'e', (byte)'n', 0, .. BitConverter.GetBytes(Address)];
        byte[] file = new byte[CodeOffset + code.Length];
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1 }.CopyTo(file, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(16), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), 62);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), FileHeader);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), ProgramHeader);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 2);
        WriteProgramHeader(file.AsSpan(FileHeader), 1, CodeOffset, code.Length, Address, 0x20_0000);
        WriteProgramHeader(file.AsSpan(FileHeader + ProgramHeader), 4, NoteOffset, note.Length, 0, 0);
        note.CopyTo(file, NoteOffset);
        code.CopyTo(file, CodeOffset);
        return file;
    }

    private static void WriteProgramHeader(Span<byte> header, uint type, int offset, int length, ulong address, ulong memoryLength)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], memoryLength);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], 4);
    }
}
