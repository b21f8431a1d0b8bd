using Makatea.Platform;

namespace Makatea.Vmm.Tests;

/// <summary>A processor that remembers: registers, and what was injected and answered. What its guest does is a script.</summary>
internal sealed class ModelCpu(uint id = 0) : VirtualCpu
{
    private readonly SemaphoreSlim _requests = new(0);
    private VmExit _exit;

    public CpuRegisters Registers = new() { Rflags = CpuRegisters.ReservedFlag };
    public CpuSystemRegisters System = CpuSystemRegisters.AfterReset();

    /// <summary>The guest: what it does when it is let run. Null: nothing, until it is asked to leave.</summary>
    public Func<VmExit?>? Script { get; set; }

    public (byte Vector, uint? ErrorCode)? Injected { get; private set; }

    public List<byte> Interrupts { get; } = [];

    public List<ulong> Answers { get; } = [];

    public int Refusals { get; private set; }

    public int Windows { get; private set; }

    public int Nmis { get; private set; }

    public bool TakesInterrupts { get; set; } = true;

    public override uint Id => id;

    public override bool CanInjectInterrupt => TakesInterrupts;

    public override byte TaskPriority { get; set; }

    public override ulong TscFrequency => 1_000_000_000;

    public override ulong Tsc { get; set; }

    public override ref readonly VmExit Run()
    {
        // A guest without anything to do runs until it is asked to leave; requests coalesce.
        VmExit? did = _requests.CurrentCount == 0 ? Script?.Invoke() : null;
        if (did is null)
        {
            _requests.Wait();
            while (_requests.Wait(0))
            {
            }
        }

        _exit = did ?? new VmExit { Kind = VmExitKind.Cancelled };
        return ref _exit;
    }

    public override void RequestExit() => _requests.Release();

    public override void Complete(ulong value) => Answers.Add(value);

    public override void Refuse() => Refusals++;

    public override void InjectInterrupt(byte vector) => Interrupts.Add(vector);

    public override void RequestInterruptWindow() => Windows++;

    public override void InjectNmi() => Nmis++;

    public override void InjectException(byte vector, uint? errorCode) => Injected = (vector, errorCode);

    public override void GetRegisters(out CpuRegisters registers) => registers = Registers;

    public override void SetRegisters(in CpuRegisters registers) => Registers = registers;

    public override void GetSystemRegisters(out CpuSystemRegisters registers) => registers = System;

    public override void SetSystemRegisters(in CpuSystemRegisters registers) => System = registers;

    public override bool TryReadMsr(uint number, out ulong value) => throw new NotSupportedException();

    public override bool TryWriteMsr(uint number, ulong value) => throw new NotSupportedException();

    public override void SetCpuid(ReadOnlySpan<CpuidEntry> entries)
    {
    }

    public override bool TrySetTscFrequency(ulong hertz) => hertz == TscFrequency;

    public override CpuState SaveState() => new()
    {
        Registers = Registers,
        SystemRegisters = System,
        DebugRegisters = default,
        Xcr0 = 1,
        ExtendedState = new byte[4096],
        Msrs = [new(0x10, Tsc)],
        Events = default,
    };

    public override void RestoreState(CpuState state)
    {
        Registers = state.Registers;
        System = state.SystemRegisters;
    }

    protected override void Dispose(bool disposing)
    {
    }
}
