using Makatea.Sel4;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>
/// The kernel's side of a guest: a VMCS of fields, general registers, and exits that a test says one after the other. It keeps what the kernel's rules are: registers come with exits alone, fields that it does not let
/// be written are an error, and a guest that was refused must not be entered again.
/// </summary>
internal sealed unsafe class ModelGuest : IDisposable
{
    internal const ulong Slot = 500;
    private const ulong InvalidGuestState = 33;
    private const ulong Timer = 52;
    private const ulong Vmxe = 1 << 13;

    private readonly NativeArray<ulong> _buffer = new(512);
    private readonly NativeArray<byte> _memory = new(64 << 10);
    private readonly Queue<ModelExit> _exits = new();
    private bool _isSignalled;
    private bool _wasRefused;

    /// <summary>Fields of the VMCS.</summary>
    internal Dictionary<VmcsField, ulong> Fields { get; } = [];

    /// <summary>General registers as the kernel keeps them: RAX RBX RCX RDX RSI RDI RBP R8 to R15.</summary>
    internal ulong[] Registers { get; } = new ulong[15];

    /// <summary>MSRs that the kernel keeps.</summary>
    internal Dictionary<ulong, ulong> Msrs { get; } = [];

    /// <summary>Each entry: where, with which controls, what was injected.</summary>
    internal List<(ulong Rip, ulong Controls, ulong Injection)> Entries { get; } = [];

    internal Thread? Bound { get; set; }

    internal Span<byte> Memory => _memory.AsSpan();

    internal Dictionary<string, GrantInfo> Grants => new()
    {
        ["guest"] = new GrantInfo { Kind = GrantKind.Guest, Number = 3, Slot = Slot, Address = (ulong)_buffer.AsSegment().Address, Length = 4096, Detail = 64 << 10, State = 1 },
        ["vmm/guest"] = new GrantInfo { Kind = GrantKind.Region, Number = 3, Address = (ulong)_memory.AsSegment().Address, Length = 64 << 10, Value = 1, State = 1 },
    };

    internal void Next(ModelExit exit) => _exits.Enqueue(exit);

    internal void Signal() => _isSignalled = true;

    internal void Enter(KernelRegisters* registers)
    {
        Assert.False(_wasRefused, "a guest is entered anew that the processor refused");
        Assert.Same(Bound, Thread.CurrentThread);
        Entries.Add((registers->Message0, registers->Message1, registers->Message2));
        if (_isSignalled)
        {
            _isSignalled = false;
            registers->Info = 0;
            return;
        }

        ModelExit exit = (Fields.GetValueOrDefault(VmcsField.PinControls) & (1 << 6)) != 0 ? new ModelExit(Timer) { Length = 0 } : _exits.Dequeue();
        exit.Change?.Invoke(this);
        _wasRefused = exit.Reason == InvalidGuestState;
        if (exit.IsSignal)
        {
            // It ran, and came back without its registers being told.
            registers->Info = 0;
            registers->Message0 = exit.Rip ?? registers->Message0;
            registers->Message2 = exit.Injection ?? registers->Message2 & ~(1ul << 31);
            return;
        }

        registers->Info = 1;
        registers->Message0 = exit.Rip ?? registers->Message0;
        registers->Message2 &= ~(1ul << 31);
        registers->Message3 = exit.Reason;
        Span<ulong> words = _buffer.AsSpan()[1..];
        words[4] = exit.Qualification;
        words[5] = exit.Length;
        words[6] = exit.Physical;
        words[7] = Fields.GetValueOrDefault(VmcsField.Rflags);
        words[8] = Fields.GetValueOrDefault(VmcsField.Interruptibility);
        words[9] = Fields.GetValueOrDefault(VmcsField.Cr3);
        Registers.CopyTo(words[10..]);
    }

    internal bool Call(BoardValue label, KernelRegisters* registers)
    {
        var field = (VmcsField)registers->Message0;
        switch (label)
        {
            case BoardValue.X86VCPUReadVMCS:
                registers->Message0 = Fields.GetValueOrDefault(field);
                return true;
            case BoardValue.X86VCPUWriteVMCS:
                ulong value = field == VmcsField.Cr4 ? registers->Message1 | Vmxe : registers->Message1;
                Fields[field] = value;
                registers->Message0 = value;
                return true;
            case BoardValue.X86VCPUWriteRegisters:
                Assert.Same(Bound, Thread.CurrentThread);
                _buffer.AsSpan()[1..16].CopyTo(Registers);
                (Registers[0], Registers[1], Registers[2], Registers[3]) = (registers->Message0, registers->Message1, registers->Message2, registers->Message3);
                return true;
            case BoardValue.X86VCPUReadMSR:
                registers->Message0 = Msrs.GetValueOrDefault(registers->Message0);
                return true;
            case BoardValue.X86VCPUWriteMSR:
                Msrs[registers->Message0] = registers->Message1;
                return true;
            default:
                return false;
        }
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _memory.Dispose();
    }
}

/// <summary>An exit that a guest makes.</summary>
/// <param name="Reason">Why ([SDM] volume 3, appendix C).</param>
internal sealed record ModelExit(ulong Reason)
{
    internal ulong Qualification { get; init; }

    /// <summary>Bytes of the instruction.</summary>
    internal ulong Length { get; init; } = 2;

    internal ulong Physical { get; init; }

    /// <summary>Where it is, if that is not where it was entered.</summary>
    internal ulong? Rip { get; init; }

    /// <summary>It is no exit: a signal brought the thread back after the guest had run.</summary>
    internal bool IsSignal { get; init; }

    /// <summary>What was to be injected then, and was not.</summary>
    internal ulong? Injection { get; init; }

    /// <summary>What the guest changed meanwhile.</summary>
    internal Action<ModelGuest>? Change { get; init; }
}
