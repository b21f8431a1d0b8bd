namespace Makatea.Platform;

/// <summary>
/// A processor's state as a snapshot's file has it: words in the order in which they are written here, the MSRs behind their number, and the extended state.
/// </summary>
internal static class CpuStateFormat
{
    // "MakatCPU", and which form this is.
    private const ulong Magic = 0x55504374616b614d;
    private const ulong Version = 1;
    private const int MostMsrs = 1 << 16;
    private const int MostExtendedState = 1 << 20;
    private const ulong None = ulong.MaxValue;

    internal static void Write(CpuState state, StateWriter writer)
    {
        writer.Write(Magic);
        writer.Write(Version);
        WriteRegisters(writer, state.Registers);
        WriteSystemRegisters(writer, state.SystemRegisters);
        CpuDebugRegisters debug = state.DebugRegisters;
        WriteAll(writer, [debug.Dr0, debug.Dr1, debug.Dr2, debug.Dr3, debug.Dr6, debug.Dr7, state.Xcr0]);
        WriteEvents(writer, state.Events);
        writer.Write(state.Msrs.Count);
        foreach (MsrValue msr in state.Msrs)
        {
            WriteAll(writer, [msr.Number, msr.Value]);
        }

        writer.Write(state.ExtendedState.Span);
    }

    internal static CpuState Read(StateReader reader)
    {
        if (reader.Read() != Magic || reader.Read() is not Version)
        {
            throw new InvalidDataException($"this is no processor's state of form {Version}");
        }

        CpuRegisters registers = ReadRegisters(reader);
        CpuSystemRegisters systemRegisters = ReadSystemRegisters(reader);
        CpuDebugRegisters debug = new(reader.Read(), reader.Read(), reader.Read(), reader.Read(), reader.Read(), reader.Read());
        ulong xcr0 = reader.Read();
        CpuEvents events = ReadEvents(reader);
        var msrs = new MsrValue[(int)reader.Read(MostMsrs)];
        for (int i = 0; i < msrs.Length; i++)
        {
            msrs[i] = new(reader.ReadUInt32(), reader.Read());
        }

        return new()
        {
            Registers = registers,
            SystemRegisters = systemRegisters,
            DebugRegisters = debug,
            Xcr0 = xcr0,
            Events = events,
            Msrs = msrs,
            ExtendedState = reader.ReadBytes(MostExtendedState),
        };
    }

    private static void WriteAll(StateWriter writer, ReadOnlySpan<ulong> words)
    {
        foreach (ulong word in words)
        {
            writer.Write(word);
        }
    }

    private static void WriteRegisters(StateWriter writer, CpuRegisters registers)
    {
        for (int i = 0; i < 16; i++)
        {
            writer.Write(registers[i]);
        }

        WriteAll(writer, [registers.Rip, registers.Rflags]);
    }

    private static CpuRegisters ReadRegisters(StateReader reader)
    {
        CpuRegisters registers = default;
        for (int i = 0; i < 16; i++)
        {
            registers[i] = reader.Read();
        }

        registers.Rip = reader.Read();
        registers.Rflags = reader.Read();
        return registers;
    }

    private static void WriteSystemRegisters(StateWriter writer, in CpuSystemRegisters r)
    {
        foreach (CpuSegment segment in (CpuSegment[])[r.Cs, r.Ds, r.Es, r.Fs, r.Gs, r.Ss, r.Tr, r.Ldt])
        {
            WriteAll(writer, [segment.Selector, segment.Base, segment.Limit, segment.Rights]);
        }

        WriteAll(writer, [r.Gdt.Base, r.Gdt.Limit, r.Idt.Base, r.Idt.Limit]);
        WriteAll(writer, [r.Cr0, r.Cr2, r.Cr3, r.Cr4, r.Cr8, r.Efer, r.ApicBase]);
    }

    private static CpuSystemRegisters ReadSystemRegisters(StateReader reader) => new()
    {
        Cs = ReadSegment(reader),
        Ds = ReadSegment(reader),
        Es = ReadSegment(reader),
        Fs = ReadSegment(reader),
        Gs = ReadSegment(reader),
        Ss = ReadSegment(reader),
        Tr = ReadSegment(reader),
        Ldt = ReadSegment(reader),
        Gdt = new(reader.Read(), reader.ReadUInt16()),
        Idt = new(reader.Read(), reader.ReadUInt16()),
        Cr0 = reader.Read(),
        Cr2 = reader.Read(),
        Cr3 = reader.Read(),
        Cr4 = reader.Read(),
        Cr8 = reader.Read(),
        Efer = reader.Read(),
        ApicBase = reader.Read(),
    };

    private static CpuSegment ReadSegment(StateReader reader) =>
        new(reader.ReadUInt16(), reader.Read(), reader.ReadUInt32(), reader.ReadUInt32());

    private static void WriteEvents(StateWriter writer, CpuEvents events)
    {
        ulong flags = 0;
        foreach (bool flag in (bool[])[events.IsInterruptSoftware, events.IsShadowOfSti, events.IsShadowOfMovSs, events.IsNmiInjected, events.IsNmiPending, events.IsNmiMasked])
        {
            flags = (flags << 1) | (flag ? 1ul : 0);
        }

        WriteAll(writer, [events.Exception?.Vector ?? None, events.Exception?.ErrorCode ?? None, events.Interrupt ?? None, flags]);
    }

    private static CpuEvents ReadEvents(StateReader reader)
    {
        ulong? vector = ReadOrNone(reader, 31);
        ulong? errorCode = ReadOrNone(reader, uint.MaxValue);
        ulong? interrupt = ReadOrNone(reader, byte.MaxValue);
        ulong flags = reader.Read(0x3f);
        return new()
        {
            Exception = vector is null ? null : new CpuException((byte)vector, (uint?)errorCode),
            Interrupt = (byte?)interrupt,
            IsInterruptSoftware = (flags & 0x20) != 0,
            IsShadowOfSti = (flags & 0x10) != 0,
            IsShadowOfMovSs = (flags & 8) != 0,
            IsNmiInjected = (flags & 4) != 0,
            IsNmiPending = (flags & 2) != 0,
            IsNmiMasked = (flags & 1) != 0,
        };
    }

    private static ulong? ReadOrNone(StateReader reader, ulong most)
    {
        ulong value = reader.Read();
        return value == None ? null : value <= most ? value : throw new InvalidDataException($"a processor's state has 0x{value:x} where at most 0x{most:x} is possible");
    }
}
