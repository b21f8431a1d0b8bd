using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <content>Control and debug registers ([SDM] volume 3, 2.5, 28.2.1).</content>
internal sealed partial class Sel4VirtualCpu
{
    private const ulong Cr0Known = 0xe005_003f;
    private const ulong NotWriteThrough = 1 << 29;
    private const ulong CacheDisable = 1 << 30;
    private const ulong DebugRegistersMissing = 1 << 3;
    private const int PhysicalBits = 46;

    private readonly ulong[] _debug = [0, 0, 0, 0, 0, 0, 0xffff_0ff0, ResetDr7];

    /// <summary>Reads what the guest may have changed by itself.</summary>
    private void ReadControls()
    {
        _cr0 = (_cr0 & VmxControls.Cr0Mask) | (_gate.Read(VmcsField.Cr0) & ~VmxControls.Cr0Mask);
        _cr4 = (_cr4 & ~VmxControls.Cr4Allowed) | (_gate.Read(VmcsField.Cr4) & VmxControls.Cr4Allowed);
    }

    private bool AccessControlRegister(ulong qualification)
    {
        int register = (int)(qualification & 15);
        int general = (int)((qualification >> 8) & 15);
        ReadControls();
        switch ((qualification >> 4) & 3)
        {
            case 0 when register == 0:
                MoveToCr0(ReadGeneral(general));
                return false;
            case 0 when register == 4:
                MoveToCr4(ReadGeneral(general));
                return false;
            case 0 when register == 8:
                return MoveToCr8(ReadGeneral(general));
            case 1 when register == 8:
                WriteGeneral(general, _taskPriority);
                Advance();
                return false;

            // LMSW sets PE to TS, and does not clear PE.
            case 3:
                ulong word = (qualification >> 16) & 15;
                MoveToCr0((_cr0 & ~14ul) | word);
                return false;
            default:
                return Tell(new() { Kind = VmExitKind.HostFailure, Value = (qualification << 32) | _entry.Reason });
        }
    }

    private void MoveToCr0(ulong value)
    {
        bool isPaged = (value & CpuSystemRegisters.Paging) != 0;
        bool turnsOn = isPaged && (_cr0 & CpuSystemRegisters.Paging) == 0;
        bool isLong = (_efer & CpuSystemRegisters.LongModeEnable) != 0;
        if (value >> 32 != 0
            || (isPaged && (value & CpuSystemRegisters.ProtectionEnable) == 0)
            || ((value & NotWriteThrough) != 0 && (value & CacheDisable) == 0)
            || (turnsOn && isLong && (_cr4 & CpuSystemRegisters.PhysicalAddressExtension) == 0)
            || (!isPaged && (_efer & CpuSystemRegisters.LongModeActive) != 0 && (_gate.Read(VmcsField.CsRights) & LongCode) != 0))
        {
            Fault(GeneralProtection, 0);
            return;
        }

        if (turnsOn && !isLong && !TryLoadDirectory())
        {
            Fault(GeneralProtection, 0);
            return;
        }

        _efer = isPaged && isLong ? _efer | CpuSystemRegisters.LongModeActive : _efer & ~CpuSystemRegisters.LongModeActive;
        WriteCr0((value & Cr0Known) | CpuSystemRegisters.ExtensionType);
        WriteEfer();
        Advance();
    }

    private void MoveToCr4(ulong value)
    {
        if ((value & ~VmxControls.Cr4Allowed) != 0
            || ((_efer & CpuSystemRegisters.LongModeActive) != 0 && (value & CpuSystemRegisters.PhysicalAddressExtension) == 0))
        {
            Fault(GeneralProtection, 0);
            return;
        }

        WriteCr4(value);
        Advance();
    }

    private bool MoveToCr8(ulong value)
    {
        if (value > 15)
        {
            Fault(GeneralProtection, 0);
            return false;
        }

        bool isLower = value < _taskPriority;
        _taskPriority = (byte)value;
        Advance();
        return isLower && Tell(new() { Kind = VmExitKind.TaskPriorityLowered });
    }

    /// <summary>Debug registers are there, and break nothing: the kernel switches none but DR7.</summary>
    private void MoveDebugRegister(ulong qualification)
    {
        int number = (int)(qualification & 7);
        int general = (int)((qualification >> 8) & 15);
        if (number is 4 or 5)
        {
            if ((_gate.Read(VmcsField.Cr4) & DebugRegistersMissing) != 0)
            {
                Fault(InvalidOpcode, null);
                return;
            }

            number += 2;
        }

        const ulong Read = 1 << 4;
        if ((qualification & Read) != 0)
        {
            WriteGeneral(general, _debug[number]);
        }
        else
        {
            ulong value = ReadGeneral(general);
            if (number >= 6 && value >> 32 != 0)
            {
                Fault(GeneralProtection, 0);
                return;
            }

            _debug[number] = number switch
            {
                6 => (value & 0xe00f) | 0xffff_0ff0,
                7 => (value & 0xffff_2bff) | ResetDr7,
                _ => value,
            };
        }

        Advance();
    }

    private void WriteCr0(ulong value)
    {
        _cr0 = value;
        _gate.Write(VmcsField.Cr0Shadow, value);
        _gate.Write(VmcsField.Cr0, (value & ~VmxControls.CacheControls) | VmxControls.NumericError);
    }

    private void WriteCr4(ulong value)
    {
        _cr4 = value;
        _gate.Write(VmcsField.Cr4Shadow, value);
        _gate.Write(VmcsField.Cr4, value);
    }

    private void WriteEfer()
    {
        _gate.Write(VmcsField.Efer, _efer);
        _gate.Write(VmcsField.EntryControls, VmxControls.Entry | ((_efer & CpuSystemRegisters.LongModeActive) != 0 ? VmxControls.LongModeGuest : 0));
    }

    /// <summary>With three levels of page tables the processor has the four entries of the first in registers of its own.</summary>
    /// <returns>False where one is impossible.</returns>
    private bool TryLoadDirectory()
    {
        const ulong Present = 1;
        const ulong Reserved = (~0ul << PhysicalBits) | 0x1e6;
        if ((_cr4 & CpuSystemRegisters.PhysicalAddressExtension) == 0)
        {
            return true;
        }

        ulong table = _gate.Read(VmcsField.Cr3) & 0xffff_ffe0;
        for (uint i = 0; i < 4; i++)
        {
            if (!_machine.TryRead(table + (8 * i), out ulong entry) || ((entry & Present) != 0 && (entry & Reserved) != 0))
            {
                return false;
            }

            _gate.Write(VmcsField.Pdpte0 + (2 * i), entry);
        }

        return true;
    }

    /// <summary>Code of 64 bits, in a segment's rights.</summary>
    private const ulong LongCode = 1 << 13;

    private ulong ReadGeneral(int number)
    {
        const int StackPointer = 4;
        return number == StackPointer ? _gate.Read(VmcsField.Rsp) : _registers[number];
    }

    private void WriteGeneral(int number, ulong value)
    {
        const int StackPointer = 4;
        if (number == StackPointer)
        {
            _gate.Write(VmcsField.Rsp, value);
            return;
        }

        _registers[number] = value;
        _mustSetRegisters = true;
    }
}
