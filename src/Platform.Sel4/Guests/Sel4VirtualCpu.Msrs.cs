using System.Diagnostics;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <content>MSRs, CPUID, and time.</content>
internal sealed partial class Sel4VirtualCpu
{
    private const uint TimeStampCounter = 0x10;
    private const uint SysenterCs = 0x174;
    private const uint SysenterEsp = 0x175;
    private const uint SysenterEip = 0x176;
    private const uint Pat = 0x277;
    private const uint Efer = 0xc000_0080;
    private const uint FirstSyscall = 0xc000_0081;
    private const uint LastSyscall = 0xc000_0084;
    private const uint LongStar = 0xc000_0082;
    private const uint CompatibleStar = 0xc000_0083;
    private const uint FsBase = 0xc000_0100;
    private const uint GsBase = 0xc000_0101;

    private GuestCpuid _cpuid = new([]);
    private bool _isMsrPending;
    private bool _isMsrAnswered;
    private ulong _msrValue;

    /// <inheritdoc/>
    public override ulong TscFrequency => _machine.TscFrequency;

    /// <inheritdoc/>
    /// <remarks>The guest's is the machine's; setting it does nothing.</remarks>
    public override ulong Tsc
    {
        get => _machine.TicksAt(Stopwatch.GetTimestamp());
        set { }
    }

    /// <inheritdoc/>
    public override void SetCpuid(ReadOnlySpan<CpuidEntry> entries) => _cpuid = new GuestCpuid(entries);

    /// <inheritdoc/>
    public override bool TrySetTscFrequency(ulong hertz) => hertz == TscFrequency;

    /// <inheritdoc/>
    public override bool TryReadMsr(uint number, out ulong value)
    {
        switch (number)
        {
            case TimeStampCounter:
                value = Tsc;
                return true;
            case SysenterCs:
                value = _gate.Read(VmcsField.SysenterCs);
                return true;
            case SysenterEsp:
                value = _gate.Read(VmcsField.SysenterEsp);
                return true;
            case SysenterEip:
                value = _gate.Read(VmcsField.SysenterEip);
                return true;
            case Pat:
                value = _gate.Read(VmcsField.Pat);
                return true;
            case Efer:
                value = _efer;
                return true;
            case FsBase:
                value = _gate.Read(VmcsField.FsBase);
                return true;
            case GsBase:
                value = _gate.Read(VmcsField.GsBase);
                return true;
            case >= FirstSyscall and <= LastSyscall:
                value = _gate.ReadMsr(number);
                return true;
            default:
                value = 0;
                return false;
        }
    }

    /// <inheritdoc/>
    public override bool TryWriteMsr(uint number, ulong value)
    {
        switch (number)
        {
            case SysenterCs:
                _gate.Write(VmcsField.SysenterCs, (uint)value);
                return true;
            case SysenterEsp when IsCanonical(value):
                _gate.Write(VmcsField.SysenterEsp, value);
                return true;
            case SysenterEip when IsCanonical(value):
                _gate.Write(VmcsField.SysenterEip, value);
                return true;
            case Pat when IsPat(value):
                _gate.Write(VmcsField.Pat, value);
                return true;
            case Efer:
                return TrySetEfer(value);
            case FsBase when IsCanonical(value):
                _gate.Write(VmcsField.FsBase, value);
                return true;
            case GsBase when IsCanonical(value):
                _gate.Write(VmcsField.GsBase, value);
                return true;

            // The kernel loads these itself: a value that the processor refuses would be the kernel's fault.
            case LongStar or CompatibleStar when !IsCanonical(value):
                return false;
            case FirstSyscall or LongStar or CompatibleStar:
                _gate.WriteMsr(number, value);
                return true;
            case LastSyscall when value >> 32 == 0:
                _gate.WriteMsr(number, value);
                return true;
            default:
                return false;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">Always: the kernel does not tell the floating-point state, nor the GS base of the guest's kernel.</exception>
    public override CpuState SaveState() => throw new IOException($"virtual processor {Id} cannot be saved: seL4 does not tell its floating-point state and its kernel GS base");

    /// <inheritdoc/>
    /// <exception cref="IOException">Always.</exception>
    public override void RestoreState(CpuState state) => throw new IOException($"virtual processor {Id} cannot be restored: seL4 does not take its floating-point state and its kernel GS base");

    private bool TakeMsr(bool isWrite)
    {
        uint number = (uint)_registers.Rcx;
        ulong value = (_registers.Rdx << 32) | (uint)_registers.Rax;
        if (_machine.Allows(number, isWrite))
        {
            if (isWrite ? TryWriteMsr(number, value) : TryReadMsr(number, out value))
            {
                FinishMsr(isWrite, value);
            }
            else
            {
                Fault(GeneralProtection, 0);
            }

            return false;
        }

        _isMsrPending = true;

        // A RDMSR that nobody answers is refused, a WRMSR done.
        _isMsrAnswered = isWrite;
        return Tell(new() { Kind = isWrite ? VmExitKind.WriteMsr : VmExitKind.ReadMsr, Width = sizeof(ulong), IsWrite = isWrite, Address = number, Value = isWrite ? value : 0 });
    }

    /// <summary>What became of the MSR that was told.</summary>
    private void AnswerMsr()
    {
        if (!_isMsrPending)
        {
            return;
        }

        _isMsrPending = false;
        if (_isMsrAnswered)
        {
            FinishMsr(_exit.IsWrite, _msrValue);
        }
        else
        {
            Fault(GeneralProtection, 0);
        }
    }

    private void FinishMsr(bool isWrite, ulong value)
    {
        if (!isWrite)
        {
            _registers.Rax = (uint)value;
            _registers.Rdx = value >> 32;
            _mustSetRegisters = true;
        }

        Advance();
    }

    /// <summary>Long mode is turned on and off without paging alone; that it is active is not the guest's to say.</summary>
    private bool TrySetEfer(ulong value)
    {
        const ulong Active = CpuSystemRegisters.LongModeActive;
        const ulong Enable = CpuSystemRegisters.LongModeEnable;
        if ((value & ~VmxControls.EferAllowed) != 0 || ((_cr0 & CpuSystemRegisters.Paging) != 0 && ((value ^ _efer) & Enable) != 0))
        {
            return false;
        }

        _efer = (value & ~Active) | (_efer & Active);
        WriteEfer();
        return true;
    }

    private void AnswerCpuid()
    {
        const uint Identification = 1;
        const uint Apic = 1 << 9;
        const uint Xsave = 1 << 27;
        const ulong ApicEnabled = 1 << 11;
        uint leaf = (uint)_registers.Rax;
        CpuidEntry answer = _cpuid.Find(leaf, (uint)_registers.Rcx);
        if (leaf == Identification)
        {
            // These two follow what the guest turned on.
            bool hasXsave = (_gate.Read(VmcsField.Cr4) & VmxControls.Cr4Xsave) != 0;
            answer = answer with
            {
                Ecx = hasXsave ? answer.Ecx | Xsave : answer.Ecx & ~Xsave,
                Edx = (_apicBase & ApicEnabled) != 0 ? answer.Edx : answer.Edx & ~Apic,
            };
        }

        _registers.Rax = answer.Eax;
        _registers.Rbx = answer.Ebx;
        _registers.Rcx = answer.Ecx;
        _registers.Rdx = answer.Edx;
        _mustSetRegisters = true;
        Advance();
    }

    private static bool IsCanonical(ulong address) => (long)(address << 16) >> 16 == (long)address;

    /// <summary>Each of eight types of memory is one that there is.</summary>
    private static bool IsPat(ulong value)
    {
        for (int i = 0; i < 64; i += 8)
        {
            if ((byte)(value >> i) is 2 or 3 or > 7)
            {
                return false;
            }
        }

        return true;
    }
}
