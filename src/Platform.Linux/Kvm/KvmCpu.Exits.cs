namespace Makatea.Platform.Linux;

/// <summary>From KVM's exits to ours, and the answers.</summary>
internal sealed unsafe partial class KvmCpu
{
    private const uint FirstX2ApicMsr = 0x800;
    private const uint X2ApicMsrs = 0x100;

    private VmExit _exit;

    // The next run is to complete something: the state is not one between two instructions.
    private bool _isPending;

    // A string instruction's elements that were not yet the exit, and where the one is that is.
    private int _elementsLeft;
    private int _elementOffset;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Instruction
    {
        get
        {
            if (_exit.Kind != VmExitKind.UnknownInstruction)
            {
                return default;
            }

            // The head says how much of this was written: flags and bytes are three words of 8.
            ref Libc.KvmInternalError error = ref _run->InternalError;
            int length = Math.Min((int)error.InstructionLength, Libc.KvmInternalError.MostInstructionBytes);
            return error.WordCount >= 3 && (error.Flags & Libc.KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0
                ? new ReadOnlySpan<byte>(&_run->InternalError.InstructionBytes[0], length)
                : default;
        }
    }

    /// <inheritdoc/>
    public override void Complete(ulong value)
    {
        switch (_exit.Kind)
        {
            case VmExitKind.Port when !_exit.IsWrite:
                WriteElement(value);
                break;
            case VmExitKind.Mmio when !_exit.IsWrite:
                _run->Memory.Data = value;
                break;
            case VmExitKind.ReadMsr:
                _run->Msr.Data = value;
                _run->Msr.Error = 0;
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

        _run->Msr.Error = 1;
    }

    /// <summary>Looks at what KVM_RUN came back for.</summary>
    /// <returns>False where the guest is to go on.</returns>
    private bool TakeExit()
    {
        uint reason = Volatile.Read(ref _run->ExitReason);
        _isPending = false;
        switch (reason)
        {
            case Libc.KVM_EXIT_IO:
                TakePort();
                return true;
            case Libc.KVM_EXIT_MMIO:
                TakeMemory();
                return true;
            case Libc.KVM_EXIT_X86_RDMSR:
            case Libc.KVM_EXIT_X86_WRMSR:
                return TakeMsr(reason == Libc.KVM_EXIT_X86_WRMSR);
        }

        _exit = reason switch
        {
            Libc.KVM_EXIT_HLT => new() { Kind = VmExitKind.Halt },
            Libc.KVM_EXIT_IRQ_WINDOW_OPEN => new() { Kind = VmExitKind.InterruptWindow },
            Libc.KVM_EXIT_SET_TPR => new() { Kind = VmExitKind.TaskPriorityLowered },
            Libc.KVM_EXIT_SHUTDOWN => new() { Kind = VmExitKind.Shutdown },
            Libc.KVM_EXIT_SYSTEM_EVENT => new() { Kind = VmExitKind.SystemEvent, Value = _run->SystemEvent },
            Libc.KVM_EXIT_FAIL_ENTRY => new() { Kind = VmExitKind.EntryFailure, Value = _run->HardwareReason },
            Libc.KVM_EXIT_INTERNAL_ERROR when _run->InternalError.Suberror == Libc.KVM_INTERNAL_ERROR_EMULATION => new() { Kind = VmExitKind.UnknownInstruction },
            Libc.KVM_EXIT_INTERNAL_ERROR => new() { Kind = VmExitKind.HostFailure, Value = ((ulong)_run->InternalError.Suberror << 32) | reason },
            Libc.KVM_EXIT_UNKNOWN => new() { Kind = VmExitKind.HostFailure, Value = _run->HardwareReason << 32 },
            _ => new() { Kind = VmExitKind.HostFailure, Value = reason },
        };
        return true;
    }

    private void TakePort()
    {
        Libc.KvmPortExit port = _run->Port;
        int length = _page.Length;
        if (port.Width is not (1 or 2 or 4) || port.Count == 0 || port.DataOffset > (ulong)length || port.Count > ((ulong)length - port.DataOffset) / port.Width)
        {
            throw new IOException($"KVM tells of {port.Count} accesses of {port.Width} bytes at port 0x{port.Port:x}, with data at 0x{port.DataOffset:x} of 0x{length:x}");
        }

        bool isWrite = port.Direction == Libc.KVM_EXIT_IO_OUT;
        _isPending = true;
        _elementsLeft = (int)port.Count - 1;
        _elementOffset = (int)port.DataOffset;
        if (!isWrite)
        {
            // What nobody answers; and nothing of what was there before.
            new Span<byte>((byte*)_run + _elementOffset, (int)port.Count * port.Width).Fill(0xff);
        }

        _exit = new() { Kind = VmExitKind.Port, Width = port.Width, IsWrite = isWrite, Address = port.Port, Value = isWrite ? ReadElement(port.Width) : 0 };
    }

    private ref readonly VmExit NextElement()
    {
        byte width = _exit.Width;
        _elementsLeft--;
        _elementOffset += width;
        _exit = new() { Kind = VmExitKind.Port, Width = width, IsWrite = _exit.IsWrite, Address = _exit.Address, Value = _exit.IsWrite ? ReadElement(width) : 0 };
        return ref _exit;
    }

    private ulong ReadElement(byte width)
    {
        byte* data = (byte*)_run + _elementOffset;
        return width switch
        {
            1 => *data,
            2 => *(ushort*)data,
            _ => *(uint*)data,
        };
    }

    private void WriteElement(ulong value)
    {
        byte* data = (byte*)_run + _elementOffset;
        switch (_exit.Width)
        {
            case 1:
                *data = (byte)value;
                break;
            case 2:
                *(ushort*)data = (ushort)value;
                break;
            default:
                *(uint*)data = (uint)value;
                break;
        }
    }

    private void TakeMemory()
    {
        Libc.KvmMemoryExit memory = _run->Memory;
        if (memory.Length is 0 or > sizeof(ulong))
        {
            throw new IOException($"KVM tells of an access of {memory.Length} bytes at 0x{memory.Address:x}");
        }

        bool isWrite = memory.IsWrite != 0;
        _isPending = true;
        if (!isWrite)
        {
            _run->Memory.Data = ulong.MaxValue;
        }

        _exit = new()
        {
            Kind = VmExitKind.Mmio,
            Width = (byte)memory.Length,
            IsWrite = isWrite,
            Address = memory.Address,
            Value = isWrite ? memory.Data & (ulong.MaxValue >> (64 - (8 * (int)memory.Length))) : 0,
        };
    }

    private bool TakeMsr(bool isWrite)
    {
        Libc.KvmMsrExit msr = _run->Msr;
        _isPending = true;

        // A RDMSR that nobody answers is refused, a WRMSR done.
        _run->Msr.Error = isWrite ? (byte)0 : (byte)1;

        // What KVM finds wrong with its own MSRs stays between it and the guest. x2APIC's are ours, but KVM calls them invalid instead of filtering them.
        if (msr.Reason == Libc.KVM_MSR_EXIT_REASON_INVAL && msr.Index - FirstX2ApicMsr >= X2ApicMsrs)
        {
            _run->Msr.Error = 1;
            return false;
        }

        _exit = new() { Kind = isWrite ? VmExitKind.WriteMsr : VmExitKind.ReadMsr, Width = sizeof(ulong), IsWrite = isWrite, Address = msr.Index, Value = isWrite ? msr.Data : 0 };
        return true;
    }
}
