namespace Makatea.Platform.Linux;

/// <summary>
/// The whole state, saved and put back. KVM_GET_MP_STATE is no part of it: where the local APIC is ours, a processor that waits for INIT or an interrupt waits in the VMM, and runs for KVM.
/// </summary>
internal sealed unsafe partial class KvmCpu
{
    /// <inheritdoc/>
    public override CpuState SaveState()
    {
        if (_isPending)
        {
            throw new InvalidOperationException($"virtual processor {Id} has an exit '{_exit}' that is not complete; request an exit and run until it is cancelled");
        }

        GetRegisters(out CpuRegisters registers);
        GetSystemRegisters(out CpuSystemRegisters systemRegisters);
        Libc.KvmDebugRegisters debug;
        Require(Libc.IoctlFast(_fd, Libc.KVM_GET_DEBUGREGS, (nint)(&debug)), "read debug registers", "KVM_GET_DEBUGREGS");
        Libc.KvmXcrs xcrs;
        Require(Libc.IoctlFast(_fd, Libc.KVM_GET_XCRS, (nint)(&xcrs)), "read XCR0", "KVM_GET_XCRS");
        byte[] extended = new byte[_extendedStateLength];
        fixed (byte* start = extended)
        {
            Require(Libc.IoctlFast(_fd, extended.Length > Libc.KvmXsaveLength ? Libc.KVM_GET_XSAVE2 : Libc.KVM_GET_XSAVE, (nint)start), "read the extended state", "KVM_GET_XSAVE");
        }

        List<MsrValue> msrs = new(_info.StateMsrs.Count);
        foreach (uint number in _info.StateMsrs)
        {
            if (TryReadMsr(number, out ulong value))
            {
                msrs.Add(new(number, value));
            }
        }

        return new()
        {
            Registers = registers,
            SystemRegisters = systemRegisters,
            DebugRegisters = new(debug.Dr0, debug.Dr1, debug.Dr2, debug.Dr3, debug.Dr6, debug.Dr7),
            Xcr0 = xcrs.Count > 0 ? xcrs.Value : 0,
            ExtendedState = extended,
            Msrs = msrs,
            Events = KvmEventsForm.From(GetEvents()),
        };
    }

    /// <inheritdoc/>
    public override void RestoreState(CpuState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.ExtendedState.Length < Libc.KvmXsaveLength)
        {
            throw new ArgumentException($"an extended state has {Libc.KvmXsaveLength} bytes or more; this one has {state.ExtendedState.Length}", nameof(state));
        }

        // XCR0 says what the XSAVE area may hold, the system registers how the rest is looked at; events are last, as setting the others can make or clear some.
        SetRegisters(state.Registers);
        SetSystemRegisters(state.SystemRegisters);
        if (state.Xcr0 != 0)
        {
            Libc.KvmXcrs xcrs = new() { Count = 1, Value = state.Xcr0 };
            Require(Libc.IoctlFast(_fd, Libc.KVM_SET_XCRS, (nint)(&xcrs)), "set XCR0", "KVM_SET_XCRS", "it names parts of the state that this processor does not have");
        }

        // KVM reads as much as it has; what the other host had beyond that has to be empty, which KVM checks by the area's own header.
        byte[] extended = new byte[Math.Max(_extendedStateLength, state.ExtendedState.Length)];
        state.ExtendedState.Span.CopyTo(extended);
        fixed (byte* start = extended)
        {
            Require(Libc.IoctlFast(_fd, Libc.KVM_SET_XSAVE, (nint)start), "set the extended state", "KVM_SET_XSAVE", "it has parts that this processor does not have");
        }

        Libc.KvmDebugRegisters debug = new()
        {
            Dr0 = state.DebugRegisters.Dr0,
            Dr1 = state.DebugRegisters.Dr1,
            Dr2 = state.DebugRegisters.Dr2,
            Dr3 = state.DebugRegisters.Dr3,
            Dr6 = state.DebugRegisters.Dr6,
            Dr7 = state.DebugRegisters.Dr7,
        };
        Require(Libc.IoctlFast(_fd, Libc.KVM_SET_DEBUGREGS, (nint)(&debug)), "set debug registers", "KVM_SET_DEBUGREGS");
        foreach (MsrValue msr in state.Msrs)
        {
            // One that this host does not have does no harm as long as it holds nothing.
            if (!TryWriteMsr(msr.Number, msr.Value) && msr.Value != 0 && (!TryReadMsr(msr.Number, out ulong now) || now != msr.Value))
            {
                throw new IOException($"cannot restore virtual processor {Id}: KVM refuses 0x{msr.Value:x} in MSR 0x{msr.Number:x}");
            }
        }

        Libc.KvmEvents events = KvmEventsForm.To(state.Events);
        Require(Libc.IoctlFast(_fd, Libc.KVM_SET_VCPU_EVENTS, (nint)(&events)), "set what is pending", "KVM_SET_VCPU_EVENTS");
        _exit = default;
        _isPending = false;
        _elementsLeft = 0;
    }
}
