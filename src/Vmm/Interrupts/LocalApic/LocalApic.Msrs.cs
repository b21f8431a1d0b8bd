namespace Makatea.Vmm;

/// <content>Its MSRs: IA32_APIC_BASE, IA32_TSC_DEADLINE and, in x2APIC mode, its registers ([SDM] volume 3, 11.12).</content>
public sealed partial class LocalApic
{
    private const uint ExtendedCommand = LocalApicMsr.FirstExtended + (LocalApicRegister.Command >> 4);
    private const ulong ExtendedCommandBits = 0xffff_ffff_0000_0000 | CommandBits;

    /// <summary>Whether an MSR is the APIC's.</summary>
    public static bool HasMsr(uint msr) =>
        msr is LocalApicMsr.Base or LocalApicMsr.TscDeadline or (>= LocalApicMsr.FirstExtended and <= LocalApicMsr.LastExtended);

    /// <summary>Reads an MSR of the APIC.</summary>
    /// <param name="msr">The MSR.</param>
    /// <param name="value">Its value.</param>
    /// <returns>False where the guest gets #GP(0).</returns>
    public bool TryReadMsr(uint msr, out ulong value)
    {
        switch (msr)
        {
            case LocalApicMsr.Base:
                value = _base;
                return true;
            case LocalApicMsr.TscDeadline:
                value = _timer.Deadline;
                return true;
            case ExtendedCommand when IsExtended:
                value = ((ulong)_commandHigh << 32) | _command;
                return true;
            case >= LocalApicMsr.FirstExtended and <= LocalApicMsr.LastExtended when IsExtended:
                bool isThere = TryRead((msr - LocalApicMsr.FirstExtended) << 4, out uint low);
                value = low;
                return isThere;
            default:
                value = 0;
                return false;
        }
    }

    /// <summary>Writes an MSR of the APIC.</summary>
    /// <param name="msr">The MSR.</param>
    /// <param name="value">What to write.</param>
    /// <returns>False where the guest gets #GP(0); nothing was written then.</returns>
    public bool TryWriteMsr(uint msr, ulong value)
    {
        switch (msr)
        {
            case LocalApicMsr.Base:
                return TryWriteBase(value);
            case LocalApicMsr.TscDeadline:
                _timer.SetDeadline(value);
                return true;
            case ExtendedCommand when IsExtended:
                if ((value & ~ExtendedCommandBits) != 0)
                {
                    return false;
                }

                _command = (uint)value;
                _commandHigh = (uint)(value >> 32);
                Send(_commandHigh);
                return true;
            case >= LocalApicMsr.FirstExtended and <= LocalApicMsr.LastExtended when IsExtended && value <= uint.MaxValue:
                return TryWriteExtended((msr - LocalApicMsr.FirstExtended) << 4, (uint)value);
            default:
                return false;
        }
    }

    private bool TryWriteExtended(uint register, uint value)
    {
        switch (register)
        {
            case LocalApicRegister.EndOfInterrupt or LocalApicRegister.ErrorStatus when value != 0:
            case LocalApicRegister.TaskPriority or LocalApicRegister.SelfInterrupt when value > 0xff:
                return false;
            case LocalApicRegister.SelfInterrupt:
                if (value < FirstVector)
                {
                    Report(LocalApicError.SendIllegalVector);
                }
                else
                {
                    Post((byte)value, isLevel: false);
                }

                return true;
            default:
                return TryWrite(register, value);
        }
    }

    /// <summary>Changes the mode as [SDM] volume 3, figure 11-27 allows it.</summary>
    private bool TryWriteBase(ulong value)
    {
        const ulong Modes = LocalApicMsr.BaseIsEnabled | LocalApicMsr.BaseIsExtended;
        ulong old = _base;
        if ((value & ~Modes) != (old & ~Modes))
        {
            return false; // Reserved bits, another page, or another bootstrap processor.
        }

        ulong from = old & Modes;
        ulong to = value & Modes;
        bool isAllowed = from == to || to switch
        {
            0 => true,
            LocalApicMsr.BaseIsEnabled => from == 0,
            Modes => from == LocalApicMsr.BaseIsEnabled,
            _ => false,
        };
        if (!isAllowed)
        {
            return false;
        }

        Volatile.Write(ref _base, value);
        // As after power-up ([SDM] volume 3, 11.4.3). Again when it is switched on: what was on its way as it was switched off may have come since.
        if ((to == 0) != (from == 0))
        {
            Reset();
        }
        else if (to == Modes && from != Modes)
        {
            _commandHigh = 0;
        }

        return true;
    }
}
