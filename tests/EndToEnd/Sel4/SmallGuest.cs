using System.Buffers.Binary;
using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.EndToEnd.Sel4;

/// <summary>A kernel of a few instructions, started by PVH: it talks at the serial port, asks CPUID, reads a device's register, waits for its timer, and powers itself off.</summary>
internal static class SmallGuest
{
    /// <summary>The timer's handler, and behind it the kernel's first instruction.</summary>
    private const uint Address = 0x20_0000;
    private const uint Entry = Address + 0x40;
    private const int FileOffset = 0x1000;
    private const uint Table = 0x21_0000;
    private const uint Pointer = 0x21_1000;
    private const uint Ticks = 0x21_2000;
    private const uint Stack = 0x22_0000;
    private const ushort SerialPort = 0x3f8;
    private const ushort PowerPort = 0x604;
    private const ushort PowerOff = (5 << 10) | (1 << 13);
    private const uint IoApic = 0xfec0_0000;
    private const uint Vector = 0x40;

    /// <summary>What it says.</summary>
    public const string Words = "a small guest has a register, a processor and a timer";

    /// <summary>The kernel's file.</summary>
    public static byte[] Make()
    {
        byte[] code = Assemble();
        byte[] file = new byte[FileOffset + code.Length];
        file.AsSpan()[FileOffset..].Clear();
        code.CopyTo(file, FileOffset);
        ReadOnlySpan<byte> start = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        start.CopyTo(file);
        Put16(16, 2);
        Put16(18, 62);
        Put32(20, 1);
        Put64(24, Entry);
        Put64(32, 64);
        Put16(52, 64);
        Put16(54, 56);
        Put16(56, 2);
        Header(64, 1, 5, FileOffset, (ulong)code.Length, 0x1000);

        // XEN_ELFNOTE_PHYS32_ENTRY, whose owner is "Xen".
        const int Note = 0x200;
        Header(64 + 56, 4, 4, Note, 20, 4);
        Put32(Note, 4);
        Put32(Note + 4, 4);
        Put32(Note + 8, 18);
        Encoding.ASCII.GetBytes("Xen\0", file.AsSpan()[(Note + 12)..]);
        Put32(Note + 16, Entry);
        return file;

        void Header(int at, uint type, uint flags, ulong offset, ulong length, ulong alignment)
        {
            Put32(at, type);
            Put32(at + 4, flags);
            Put64(at + 8, offset);
            Put64(at + 16, Address);
            Put64(at + 24, Address);
            Put64(at + 32, length);
            Put64(at + 40, length);
            Put64(at + 48, alignment);
        }

        void Put16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan()[at..], value);
        void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan()[at..], value);
        void Put64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan()[at..], value);
    }

    private static byte[] Assemble()
    {
        var handler = new Assembler(32);
        handler.inc(__dword_ptr[Ticks]);
        WriteMsr(handler, 0x80b, 0);
        handler.iretd();
        var code = new Assembler(32);
        Label fail = code.CreateLabel();
        code.mov(esp, Stack);
        Say(code, "a small guest has ");

        // The version of the IOAPIC, by its two registers.
        code.mov(__dword_ptr[IoApic], 1);
        code.mov(eax, __dword_ptr[IoApic + 0x10]);
        code.cmp(eax, -1);
        code.je(fail);
        Say(code, "a register, ");
        code.mov(eax, 0x4000_0000);
        code.cpuid();
        code.cmp(ebx, BitConverter.ToUInt32("Maka"u8));
        code.jne(fail);
        Say(code, "a processor ");

        // One gate, and the local APIC's timer.
        code.mov(__word_ptr[Table + (8 * Vector)], (short)(Address & 0xffff));
        code.mov(__word_ptr[Table + (8 * Vector) + 2], cs);
        code.mov(__word_ptr[Table + (8 * Vector) + 4], 0x8e00);
        code.mov(__word_ptr[Table + (8 * Vector) + 6], (short)(Address >> 16));
        code.mov(__word_ptr[Pointer], 0x7ff);
        code.mov(__dword_ptr[Pointer + 2], Table);
        code.lidt(__[Pointer]);
        code.mov(ecx, 0x1b);
        code.rdmsr();
        code.or(eax, 0xc00);
        code.wrmsr();
        WriteMsr(code, 0x80f, 0x1ff);
        WriteMsr(code, 0x832, Vector);
        WriteMsr(code, 0x83e, 0xb);
        WriteMsr(code, 0x838, 1_000_000);
        code.sti();
        code.hlt();
        code.cmp(__dword_ptr[Ticks], 1);
        code.jne(fail);
        Say(code, "and a timer\n");
        code.Label(ref fail);
        code.mov(dx, PowerPort);
        code.mov(ax, PowerOff);
        code.@out(dx, ax);
        Label end = code.CreateLabel();
        code.Label(ref end);
        code.cli();
        code.hlt();
        code.jmp(end);
        using var stream = new MemoryStream();
        handler.Assemble(new StreamCodeWriter(stream), Address);
        stream.Position = Entry - Address;
        code.Assemble(new StreamCodeWriter(stream), Entry);
        return stream.ToArray();
    }

    private static void Say(Assembler code, string text)
    {
        code.mov(dx, SerialPort);
        foreach (char one in text)
        {
            code.mov(al, (sbyte)one);
            code.@out(dx, al);
        }
    }

    private static void WriteMsr(Assembler code, uint number, uint value)
    {
        code.mov(ecx, number);
        code.mov(eax, value);
        code.xor(edx, edx);
        code.wrmsr();
    }
}
