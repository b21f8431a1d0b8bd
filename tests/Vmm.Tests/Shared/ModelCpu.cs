using Makatea.Platform;

namespace Makatea.Vmm.Tests;

/// <summary>A processor that only remembers: registers, and what was injected.</summary>
internal sealed class ModelCpu : VirtualCpu
{
    public CpuRegisters Registers = new() { Rflags = CpuRegisters.ReservedFlag };
    public CpuSystemRegisters System = CpuSystemRegisters.AfterReset();

    public (byte Vector, uint? ErrorCode)? Injected { get; private set; }

    public override uint Id => 0;

    public override bool CanInjectInterrupt => false;

    public override byte TaskPriority { get; set; }

    public override ulong TscFrequency => 0;

    public override ulong Tsc { get; set; }

    public override ref readonly VmExit Run() => throw new NotSupportedException();

    public override void RequestExit() => throw new NotSupportedException();

    public override void Complete(ulong value) => throw new NotSupportedException();

    public override void Refuse() => throw new NotSupportedException();

    public override void InjectInterrupt(byte vector) => throw new NotSupportedException();

    public override void RequestInterruptWindow() => throw new NotSupportedException();

    public override void InjectNmi() => throw new NotSupportedException();

    public override void InjectException(byte vector, uint? errorCode) => Injected = (vector, errorCode);

    public override void GetRegisters(out CpuRegisters registers) => registers = Registers;

    public override void SetRegisters(in CpuRegisters registers) => Registers = registers;

    public override void GetSystemRegisters(out CpuSystemRegisters registers) => registers = System;

    public override void SetSystemRegisters(in CpuSystemRegisters registers) => System = registers;

    public override bool TryReadMsr(uint number, out ulong value) => throw new NotSupportedException();

    public override bool TryWriteMsr(uint number, ulong value) => throw new NotSupportedException();

    public override void SetCpuid(ReadOnlySpan<CpuidEntry> entries) => throw new NotSupportedException();

    public override bool TrySetTscFrequency(ulong hertz) => throw new NotSupportedException();

    public override CpuState SaveState() => throw new NotSupportedException();

    public override void RestoreState(CpuState state) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
    }
}
