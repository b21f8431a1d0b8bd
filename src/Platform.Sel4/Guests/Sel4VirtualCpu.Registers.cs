using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <content>Registers.</content>
internal sealed partial class Sel4VirtualCpu
{
    private const ulong ResetPat = 0x0007_0406_0007_0406;
    private const ulong ResetDr7 = 0x400;

    // RSP apart, which is read where somebody wants it; of RIP this is always the truth.
    private CpuRegisters _registers;
    private bool _hasRegisters = true;
    private bool _mustSetRegisters = true;
    private bool _isRspKnown = true;
    private bool _hasFlags = true;
    private ulong _interruptibility;
    private ulong _cr0;
    private ulong _cr4;
    private ulong _efer;
    private ulong _apicBase;
    private ulong _cr2;

    /// <inheritdoc/>
    public override void GetRegisters(out CpuRegisters registers)
    {
        Synchronize();
        if (!_isRspKnown)
        {
            _registers.Rsp = _gate.Read(VmcsField.Rsp);
            _isRspKnown = true;
        }

        ReadFlags();
        registers = _registers;
    }

    /// <inheritdoc/>
    public override void SetRegisters(in CpuRegisters registers)
    {
        _registers = registers with { Rflags = registers.Rflags | CpuRegisters.ReservedFlag };
        _gate.Write(VmcsField.Rsp, registers.Rsp);
        _gate.Write(VmcsField.Rflags, _registers.Rflags);
        ClearShadows();
        _hasRegisters = _hasFlags = _isRspKnown = _mustSetRegisters = true;
        _isWindowClosed = true;
    }

    /// <inheritdoc/>
    public override void GetSystemRegisters(out CpuSystemRegisters registers)
    {
        ReadControls();
        registers = new()
        {
            Es = GetSegment(0),
            Cs = GetSegment(1),
            Ss = GetSegment(2),
            Ds = GetSegment(3),
            Fs = GetSegment(4),
            Gs = GetSegment(5),
            Ldt = GetSegment(6),
            Tr = GetSegment(7),
            Gdt = new(_gate.Read(VmcsField.GdtrBase), (ushort)_gate.Read(VmcsField.GdtrLimit)),
            Idt = new(_gate.Read(VmcsField.IdtrBase), (ushort)_gate.Read(VmcsField.IdtrLimit)),
            Cr0 = _cr0,
            Cr2 = _cr2,
            Cr3 = _gate.Read(VmcsField.Cr3),
            Cr4 = _cr4,
            Cr8 = TaskPriority,
            Efer = _efer,
            ApicBase = _apicBase,
        };
    }

    /// <inheritdoc/>
    /// <remarks>CR2 is the guest's and the machine's in one: the kernel neither keeps nor sets it.</remarks>
    public override void SetSystemRegisters(in CpuSystemRegisters registers)
    {
        if ((registers.Cr4 & ~VmxControls.Cr4Allowed) != 0 || (registers.Efer & ~VmxControls.EferAllowed) != 0 || registers.Cr8 > 15)
        {
            throw new IOException($"virtual processor {Id} cannot have CR4 0x{registers.Cr4:x}, EFER 0x{registers.Efer:x} and CR8 {registers.Cr8}: at most 0x{VmxControls.Cr4Allowed:x}, 0x{VmxControls.EferAllowed:x} and 15");
        }

        SetSegment(0, registers.Es);
        SetSegment(1, registers.Cs);
        SetSegment(2, registers.Ss);
        SetSegment(3, registers.Ds);
        SetSegment(4, registers.Fs);
        SetSegment(5, registers.Gs);
        SetSegment(6, registers.Ldt);
        SetSegment(7, registers.Tr);
        _gate.Write(VmcsField.GdtrBase, registers.Gdt.Base);
        _gate.Write(VmcsField.GdtrLimit, registers.Gdt.Limit);
        _gate.Write(VmcsField.IdtrBase, registers.Idt.Base);
        _gate.Write(VmcsField.IdtrLimit, registers.Idt.Limit);
        _gate.Write(VmcsField.Cr3, registers.Cr3);
        _efer = registers.Efer;
        _apicBase = registers.ApicBase;
        _cr2 = registers.Cr2;
        TaskPriority = (byte)registers.Cr8;
        WriteCr4(registers.Cr4);
        WriteCr0(registers.Cr0);
        WriteEfer();
        _isWindowClosed = true;
    }

    /// <summary>The state after reset, and what is the same for all guests.</summary>
    private void Reset()
    {
        if ((_gate.Write(VmcsField.SecondaryControls, VmxControls.UnrestrictedGuest) & VmxControls.UnrestrictedGuest) == 0)
        {
            throw new IOException("the processor cannot run guests without paging (VT-x without \"unrestricted guest\"), as all do that start");
        }

        _gate.Write(VmcsField.ExceptionBitmap, 0);
        _gate.Write(VmcsField.Cr0Mask, VmxControls.Cr0Mask);
        _gate.Write(VmcsField.Cr4Mask, ~VmxControls.Cr4Allowed);
        _gate.Write(VmcsField.Pat, ResetPat);
        _gate.Write(VmcsField.Dr7, ResetDr7);
        _gate.Write(VmcsField.DebugControl, 0);
        _gate.Write(VmcsField.SysenterCs, 0);
        _gate.Write(VmcsField.SysenterEsp, 0);
        _gate.Write(VmcsField.SysenterEip, 0);
        _gate.Write(VmcsField.Activity, 0);
        _gate.Write(VmcsField.PendingDebug, 0);
        _gate.Write(VmcsField.Interruptibility, 0);
        SetSystemRegisters(CpuSystemRegisters.AfterReset());
        SetRegisters(CpuRegisters.AfterReset());
    }

    private CpuSegment GetSegment(uint index) => new(
        (ushort)_gate.Read(VmcsField.EsSelector + (2 * index)),
        _gate.Read(VmcsField.EsBase + (2 * index)),
        (uint)_gate.Read(VmcsField.EsLimit + (2 * index)),
        (uint)_gate.Read(VmcsField.EsRights + (2 * index)));

    private void SetSegment(uint index, in CpuSegment segment)
    {
        _gate.Write(VmcsField.EsSelector + (2 * index), segment.Selector);
        _gate.Write(VmcsField.EsBase + (2 * index), segment.Base);
        _gate.Write(VmcsField.EsLimit + (2 * index), segment.Limit);
        _gate.Write(VmcsField.EsRights + (2 * index), segment.Rights);
    }

    private void ReadFlags()
    {
        if (!_hasFlags)
        {
            _registers.Rflags = _gate.Read(VmcsField.Rflags);
            _interruptibility = _gate.Read(VmcsField.Interruptibility);
            _hasFlags = true;
        }
    }

    private void ClearShadows()
    {
        ReadFlags();
        if ((_interruptibility & VmxControls.Shadows) != 0)
        {
            _interruptibility &= ~VmxControls.Shadows;
            _gate.Write(VmcsField.Interruptibility, _interruptibility);
        }
    }

    /// <summary>The instruction of the exit is done.</summary>
    private void Advance()
    {
        _registers.Rip += _gate[GuestWord.InstructionLength];
        ClearShadows();
    }
}
