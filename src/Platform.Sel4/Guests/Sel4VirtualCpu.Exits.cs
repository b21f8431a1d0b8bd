using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <content>From the processor's exits to ours, and the answers.</content>
internal sealed partial class Sel4VirtualCpu
{
    private const uint MaximumLeafBit = 0x8000_0000;

    /// <inheritdoc/>
    public override void Complete(ulong value)
    {
        switch (_exit.Kind)
        {
            case VmExitKind.Port when !_exit.IsWrite:
                SetPortResult(value);
                break;
            case VmExitKind.ReadMsr:
                _msrValue = value;
                _isMsrAnswered = true;
                break;
            default:
                throw new InvalidOperationException($"an exit '{_exit}' takes no value");
        }
    }

    /// <inheritdoc/>
    public override void Refuse()
    {
        if (_exit.Kind is not (VmExitKind.ReadMsr or VmExitKind.WriteMsr))
        {
            throw new InvalidOperationException($"an exit '{_exit}' cannot be refused");
        }

        _isMsrAnswered = false;
    }

    /// <summary>Looks at what the guest came out for.</summary>
    /// <returns>False where it is to go on.</returns>
    private bool TakeExit()
    {
        switch ((VmxExitReason)_entry.Reason)
        {
            // An NMI of the machine's, which the kernel has.
            case VmxExitReason.ExceptionOrNmi:
            case VmxExitReason.PreemptionTimer:
            case VmxExitReason.NmiWindow:
                return false;
            case VmxExitReason.TripleFault:
                return Tell(new() { Kind = VmExitKind.Shutdown });
            case VmxExitReason.InterruptWindow:
                return Tell(new() { Kind = VmExitKind.InterruptWindow });
            case VmxExitReason.Cpuid:
                AnswerCpuid();
                return false;
            case VmxExitReason.Hlt:
                Advance();
                return Tell(new() { Kind = VmExitKind.Halt });
            case VmxExitReason.Invd or VmxExitReason.Wbinvd:
                Advance();
                return false;
            case VmxExitReason.ControlRegister:
                return AccessControlRegister(_gate[GuestWord.Qualification]);
            case VmxExitReason.MoveDebugRegister:
                MoveDebugRegister(_gate[GuestWord.Qualification]);
                return false;
            case VmxExitReason.Port:
                return TakePort(_gate[GuestWord.Qualification]);
            case VmxExitReason.ReadMsr or VmxExitReason.WriteMsr:
                return TakeMsr((VmxExitReason)_entry.Reason == VmxExitReason.WriteMsr);
            case VmxExitReason.EptViolation:
                return TakeMemoryFault(_gate[GuestWord.Qualification]);
            case VmxExitReason.SetExtendedControl:
                SetExtendedControl();
                return false;
            case VmxExitReason.ReadCounter:
                Fault(GeneralProtection, 0);
                return false;

            // Instructions that leave the guest by themselves, of extensions that it was not told of: GETSEC, VMX, MONITOR and MWAIT, RDTSCP, INVPCID.
            case (>= (VmxExitReason)17 and <= (VmxExitReason)27) or (VmxExitReason)11 or (VmxExitReason)36 or (VmxExitReason)39 or (VmxExitReason)50 or (VmxExitReason)51 or (VmxExitReason)53 or (VmxExitReason)58:
                Fault(InvalidOpcode, null);
                return false;
            case VmxExitReason.InvalidGuestState or VmxExitReason.MsrLoading or (VmxExitReason)ulong.MaxValue or (VmxExitReason)uint.MaxValue:
                _isDead = true;
                return Tell(new() { Kind = VmExitKind.EntryFailure, Value = _entry.Reason });
            default:
                return Tell(new() { Kind = VmExitKind.HostFailure, Value = _entry.Reason });
        }
    }

    private bool Tell(VmExit exit)
    {
        _exit = exit;
        return true;
    }

    /// <summary>The guest takes a fault of the instruction that it is at.</summary>
    private void Fault(byte vector, uint? errorCode) => InjectException(vector, errorCode);

    private bool TakePort(ulong qualification)
    {
        const ulong Input = 1 << 3;
        const ulong String = 1 << 4;
        if ((qualification & String) != 0)
        {
            // Its operand in memory is at a linear address, which nobody translates here.
            return Tell(new() { Kind = VmExitKind.UnknownInstruction, Value = qualification });
        }

        byte width = (byte)((qualification & 7) + 1);
        bool isWrite = (qualification & Input) == 0;
        _exit = new() { Kind = VmExitKind.Port, Width = width, IsWrite = isWrite, Address = (qualification >> 16) & 0xffff, Value = isWrite ? _registers.Rax & (ulong.MaxValue >> (64 - (8 * width))) : 0 };
        Advance();
        if (!isWrite)
        {
            SetPortResult(ulong.MaxValue);
        }

        return true;
    }

    /// <summary>AL, AX, or EAX with zeroes above.</summary>
    private void SetPortResult(ulong value)
    {
        _registers.Rax = _exit.Width switch
        {
            1 => (_registers.Rax & ~0xfful) | (byte)value,
            2 => (_registers.Rax & ~0xfffful) | (ushort)value,
            _ => (uint)value,
        };
        _mustSetRegisters = true;
    }

    private bool TakeMemoryFault(ulong qualification)
    {
        const ulong Write = 2;
        const ulong Fetch = 4;
        const ulong SoftwareInterrupt = 4;
        const ulong Described = VmxControls.Valid | VmxControls.HasErrorCode | 0x7ff;

        // An event whose delivery the access belongs to is delivered anew; an INT instruction is executed anew.
        ulong vectoring = _gate.Read(VmcsField.VectoringInformation);
        if ((vectoring & VmxControls.Valid) != 0 && ((vectoring >> 8) & 7) < SoftwareInterrupt)
        {
            _entry.Injection = vectoring & Described;
            if ((vectoring & VmxControls.HasErrorCode) != 0)
            {
                _gate.Write(VmcsField.EntryErrorCode, _gate.Read(VmcsField.VectoringErrorCode));
            }
        }

        return Tell(new() { Kind = VmExitKind.MemoryFault, Address = _gate[GuestWord.GuestPhysical], IsWrite = (qualification & Write) != 0, IsFetch = (qualification & Fetch) != 0 });
    }

    /// <summary>XCR0 is what the kernel set for all: a guest can have that and nothing else.</summary>
    private void SetExtendedControl()
    {
        ulong value = (_registers.Rdx << 32) | (uint)_registers.Rax;
        if ((uint)_registers.Rcx != 0 || value != _machine.ExtendedState)
        {
            Fault(GeneralProtection, 0);
            return;
        }

        Advance();
    }
}
