using System.Buffers.Binary;

namespace Makatea.Platform;

/// <summary>
/// A processor's state as a snapshot's file has it: little-endian words of 64 bits, in the order in which they are written here, the MSRs behind their number, and the extended state
/// behind its length.
/// </summary>
internal static class CpuStateFormat
{
    // "MakatCPU", and which form this is.
    private const ulong Magic = 0x55504374616b614d;
    private const ulong Version = 1;
    private const int MostMsrs = 1 << 16;
    private const int MostExtendedState = 1 << 20;
    private const ulong None = ulong.MaxValue;

    internal static byte[] Write(CpuState state)
    {
        List<ulong> words = [Magic, Version];
        AddRegisters(words, state.Registers);
        AddSystemRegisters(words, state.SystemRegisters);
        CpuDebugRegisters debug = state.DebugRegisters;
        words.AddRange([debug.Dr0, debug.Dr1, debug.Dr2, debug.Dr3, debug.Dr6, debug.Dr7, state.Xcr0]);
        AddEvents(words, state.Events);
        words.Add((ulong)state.Msrs.Count);
        foreach (MsrValue msr in state.Msrs)
        {
            words.AddRange([msr.Number, msr.Value]);
        }

        words.Add((ulong)state.ExtendedState.Length);
        byte[] bytes = new byte[(words.Count * sizeof(ulong)) + state.ExtendedState.Length];
        for (int i = 0; i < words.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)), words[i]);
        }

        state.ExtendedState.Span.CopyTo(bytes.AsSpan(words.Count * sizeof(ulong)));
        return bytes;
    }

    internal static CpuState Read(ReadOnlySpan<byte> bytes)
    {
        WordReader words = new(bytes);
        if (words.Next() != Magic || words.Next() is not Version)
        {
            throw new InvalidDataException($"this is no processor's state of form {Version}");
        }

        CpuRegisters registers = ReadRegisters(ref words);
        CpuSystemRegisters systemRegisters = ReadSystemRegisters(ref words);
        CpuDebugRegisters debug = new(words.Next(), words.Next(), words.Next(), words.Next(), words.Next(), words.Next());
        ulong xcr0 = words.Next();
        CpuEvents events = ReadEvents(ref words);
        var msrs = new MsrValue[(int)words.Next(MostMsrs)];
        for (int i = 0; i < msrs.Length; i++)
        {
            msrs[i] = new((uint)words.Next(uint.MaxValue), words.Next());
        }

        int length = (int)words.Next(MostExtendedState);
        return new()
        {
            Registers = registers,
            SystemRegisters = systemRegisters,
            DebugRegisters = debug,
            Xcr0 = xcr0,
            Events = events,
            Msrs = msrs,
            ExtendedState = words.Rest(length),
        };
    }

    private static void AddRegisters(List<ulong> words, CpuRegisters registers)
    {
        for (int i = 0; i < 16; i++)
        {
            words.Add(registers[i]);
        }

        words.AddRange([registers.Rip, registers.Rflags]);
    }

    private static CpuRegisters ReadRegisters(ref WordReader words)
    {
        CpuRegisters registers = default;
        for (int i = 0; i < 16; i++)
        {
            registers[i] = words.Next();
        }

        registers.Rip = words.Next();
        registers.Rflags = words.Next();
        return registers;
    }

    private static void AddSystemRegisters(List<ulong> words, in CpuSystemRegisters r)
    {
        foreach (CpuSegment segment in (CpuSegment[])[r.Cs, r.Ds, r.Es, r.Fs, r.Gs, r.Ss, r.Tr, r.Ldt])
        {
            words.AddRange([segment.Selector, segment.Base, segment.Limit, segment.Rights]);
        }

        words.AddRange([r.Gdt.Base, r.Gdt.Limit, r.Idt.Base, r.Idt.Limit]);
        words.AddRange([r.Cr0, r.Cr2, r.Cr3, r.Cr4, r.Cr8, r.Efer, r.ApicBase]);
    }

    private static CpuSystemRegisters ReadSystemRegisters(ref WordReader words) => new()
    {
        Cs = ReadSegment(ref words),
        Ds = ReadSegment(ref words),
        Es = ReadSegment(ref words),
        Fs = ReadSegment(ref words),
        Gs = ReadSegment(ref words),
        Ss = ReadSegment(ref words),
        Tr = ReadSegment(ref words),
        Ldt = ReadSegment(ref words),
        Gdt = new(words.Next(), (ushort)words.Next(ushort.MaxValue)),
        Idt = new(words.Next(), (ushort)words.Next(ushort.MaxValue)),
        Cr0 = words.Next(),
        Cr2 = words.Next(),
        Cr3 = words.Next(),
        Cr4 = words.Next(),
        Cr8 = words.Next(),
        Efer = words.Next(),
        ApicBase = words.Next(),
    };

    private static CpuSegment ReadSegment(ref WordReader words) =>
        new((ushort)words.Next(ushort.MaxValue), words.Next(), (uint)words.Next(uint.MaxValue), (uint)words.Next(uint.MaxValue));

    private static void AddEvents(List<ulong> words, CpuEvents events)
    {
        ulong flags = 0;
        foreach (bool flag in (bool[])[events.IsInterruptSoftware, events.IsShadowOfSti, events.IsShadowOfMovSs, events.IsNmiInjected, events.IsNmiPending, events.IsNmiMasked])
        {
            flags = (flags << 1) | (flag ? 1ul : 0);
        }

        words.AddRange([events.Exception?.Vector ?? None, events.Exception?.ErrorCode ?? None, events.Interrupt ?? None, flags]);
    }

    private static CpuEvents ReadEvents(ref WordReader words)
    {
        ulong? vector = words.NextOrNone(31);
        ulong? errorCode = words.NextOrNone(uint.MaxValue);
        ulong? interrupt = words.NextOrNone(byte.MaxValue);
        ulong flags = words.Next(0x3f);
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

    /// <summary>Reads what may be damaged.</summary>
    private ref struct WordReader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _left = bytes;

        internal ulong Next()
        {
            if (!BinaryPrimitives.TryReadUInt64LittleEndian(_left, out ulong value))
            {
                throw new InvalidDataException("a processor's state ends too early");
            }

            _left = _left[sizeof(ulong)..];
            return value;
        }

        internal ulong Next(ulong most)
        {
            ulong value = Next();
            return value <= most ? value : throw new InvalidDataException($"a processor's state has 0x{value:x} where at most 0x{most:x} is possible");
        }

        internal ulong? NextOrNone(ulong most)
        {
            ulong value = Next();
            return value == None ? null : value <= most ? value : throw new InvalidDataException($"a processor's state has 0x{value:x} where at most 0x{most:x} is possible");
        }

        internal readonly byte[] Rest(int length) =>
            _left.Length == length ? _left.ToArray() : throw new InvalidDataException($"a processor's state has {_left.Length} bytes of extended state; it says {length}");
    }
}
