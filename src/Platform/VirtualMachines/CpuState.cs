namespace Makatea.Platform;

/// <summary>The whole state of a virtual processor, as a snapshot keeps it. Where the local APIC is the VMM's, that, and
/// whether the processor waits for an interrupt or to be started, is not in it.</summary>
public sealed record CpuState
{
    /// <summary>General registers.</summary>
    public required CpuRegisters Registers { get; init; }

    /// <summary>Segments, tables, control registers.</summary>
    public required CpuSystemRegisters SystemRegisters { get; init; }

    /// <summary>Debug registers.</summary>
    public required CpuDebugRegisters DebugRegisters { get; init; }

    /// <summary>XCR0: which parts of the extended state are on.</summary>
    public required ulong Xcr0 { get; init; }

    /// <summary>x87, SSE, AVX and later: an XSAVE area in standard format ([SDM] 1 13.4), 4,096 bytes or more.</summary>
    public required ReadOnlyMemory<byte> ExtendedState { get; init; }

    /// <summary>The MSRs of <see cref="VirtualMachineInfo.StateMsrs"/> that this processor has, the time stamp counter among them.</summary>
    public required IReadOnlyList<MsrValue> Msrs { get; init; }

    /// <summary>What is about to happen to it.</summary>
    public required CpuEvents Events { get; init; }

    /// <summary>Its form in a snapshot's file.</summary>
    public byte[] ToBytes()
    {
        var writer = new StateWriter();
        CpuStateFormat.Write(this, writer);
        return writer.Written.ToArray();
    }

    /// <summary>Reads what <see cref="ToBytes"/> made; whether a processor can have this state is for <see cref="VirtualCpu.RestoreState"/> to say.</summary>
    /// <exception cref="InvalidDataException">It did not make this.</exception>
    public static CpuState FromBytes(ReadOnlyMemory<byte> bytes)
    {
        var reader = new StateReader("a processor's state", bytes);
        CpuState state = CpuStateFormat.Read(reader);
        reader.End();
        return state;
    }
}
