using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Registers, MSRs, CPUID and the time stamp counter.</summary>
internal sealed unsafe partial class KvmCpu
{
    private const uint TscMsr = 0x10;

    // KVM itself takes frequencies this close for equal.
    private const long TscTolerancePerMillion = 250;

    private uint _tscKilohertz;

    /// <inheritdoc/>
    public override ulong TscFrequency => _tscKilohertz * 1000ul;

    /// <inheritdoc/>
    public override ulong Tsc
    {
        get => TryReadMsr(TscMsr, out ulong value) ? value : throw new IOException($"KVM has no time stamp counter for virtual processor {Id}");

        set
        {
            if (!TryWriteMsr(TscMsr, value))
            {
                throw new IOException($"KVM refuses to set the time stamp counter of virtual processor {Id}");
            }
        }
    }

    /// <inheritdoc/>
    public override void GetRegisters(out CpuRegisters registers)
    {
        fixed (CpuRegisters* target = &registers)
        {
            Require(Libc.IoctlFast(_fd, Libc.KVM_GET_REGS, (nint)target), "read registers", "KVM_GET_REGS");
        }
    }

    /// <inheritdoc/>
    public override void SetRegisters(in CpuRegisters registers)
    {
        fixed (CpuRegisters* source = &registers)
        {
            Require(Libc.IoctlFast(_fd, Libc.KVM_SET_REGS, (nint)source), "set registers", "KVM_SET_REGS");
        }

        _isWindowClosed = true;
    }

    /// <inheritdoc/>
    public override void GetSystemRegisters(out CpuSystemRegisters registers)
    {
        Libc.KvmSystemRegisters raw;
        Require(Libc.IoctlFast(_fd, Libc.KVM_GET_SREGS, (nint)(&raw)), "read system registers", "KVM_GET_SREGS");
        registers = KvmRegisters.From(raw);
    }

    /// <inheritdoc/>
    public override void SetSystemRegisters(in CpuSystemRegisters registers)
    {
        Libc.KvmSystemRegisters raw = KvmRegisters.To(registers);
        Require(
            Libc.IoctlFast(_fd, Libc.KVM_SET_SREGS, (nint)(&raw)), "set system registers", "KVM_SET_SREGS",
            "they contradict each other: EFER.LMA without paging, reserved bits of CR0 or CR4, features that CPUID does not have");
        _run->Cr8 = registers.Cr8;
        _isWindowClosed = true;
    }

    /// <inheritdoc/>
    public override bool TryReadMsr(uint number, out ulong value) => KvmTables.TryReadMsr(_cpu, number, out value);

    /// <inheritdoc/>
    public override bool TryWriteMsr(uint number, ulong value) => KvmTables.TryWriteMsr(_cpu, number, value);

    /// <inheritdoc/>
    public override void SetCpuid(ReadOnlySpan<CpuidEntry> entries)
    {
        fixed (byte* list = KvmTables.ToList(entries))
        {
            Require(
                Libc.IoctlFast(_fd, Libc.KVM_SET_CPUID2, (nint)list), "set what CPUID answers", "KVM_SET_CPUID2",
                "it has to be set before the first run, with at most 256 entries and extended features that the host has");
        }
    }

    /// <inheritdoc/>
    public override bool TrySetTscFrequency(ulong hertz)
    {
        ulong kilohertz = (hertz + 500) / 1000;
        if (kilohertz is 0 or > int.MaxValue)
        {
            return false;
        }

        long difference = (long)kilohertz - _tscKilohertz;
        bool isHosts = _tscKilohertz != 0 && Math.Abs(difference) * 1_000_000 <= TscTolerancePerMillion * _tscKilohertz;
        if (isHosts && !_info.CanScaleTsc)
        {
            return true;
        }

        // Without scaling KVM would take a higher frequency too, and catch up at each exit: time that jumps.
        if (!_info.CanScaleTsc || Libc.IoctlNumber(_cpu, Libc.KVM_SET_TSC_KHZ, (nint)kilohertz) < 0)
        {
            return false;
        }

        _tscKilohertz = (uint)kilohertz;
        return true;
    }

    /// <summary>Fails a call of the control path.</summary>
    private void Require(int result, string what, string call, string? advice = null)
    {
        if (result < 0)
        {
            int error = Marshal.GetLastSystemError();
            ObjectDisposedException.ThrowIf(_fd < 0, this);
            throw LinuxError.Io($"cannot {what} of virtual processor {Id}", call, error, error == Errno.EINVAL ? advice : null);
        }
    }
}
