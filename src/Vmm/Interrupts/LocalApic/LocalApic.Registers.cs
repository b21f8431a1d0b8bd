namespace Makatea.Vmm;

/// <content>Its registers, by offset in the page ([SDM] volume 3, table 11-1).</content>
public sealed partial class LocalApic
{
    /// <summary>Version 14h, six local vectors, the broadcast of ends can be switched off.</summary>
    private const uint VersionValue = 0x14 | ((LocalApicRegister.LocalVectorCount - 1) << 16) | (1 << 24);

    private uint _divide;

    private bool HasPage => IsEnabled && !IsExtended;

    /// <summary>Reads its page. Registers are the low 4 bytes of 16: what reaches beyond them reads as 0. In x2APIC mode, and while it is off, there is no page.</summary>
    /// <param name="address">Offset in the page.</param>
    /// <param name="width">1, 2, 4 or 8 bytes.</param>
    public override ulong Read(ulong address, int width)
    {
        if (!HasPage)
        {
            return RegisterWidth.Mask(width);
        }

        int within = (int)address & 0xf;
        if (address >= PageLength || within + width > 4)
        {
            return 0;
        }

        if (!TryRead((uint)address & ~0xfu, out uint value))
        {
            Report(LocalApicError.IllegalRegister);
            return 0;
        }

        return (value >> (within * 8)) & RegisterWidth.Mask(width);
    }

    /// <summary>Writes its page. Anything but 4 bytes at a register is without effect.</summary>
    /// <param name="address">Offset in the page.</param>
    /// <param name="width">1, 2, 4 or 8 bytes.</param>
    /// <param name="value">The value.</param>
    public override void Write(ulong address, int width, ulong value)
    {
        if (!HasPage || address >= PageLength || width != 4 || (address & 0xf) != 0)
        {
            return;
        }

        switch ((uint)address)
        {
            case LocalApicRegister.LogicalDestination:
                Volatile.Write(ref _logicalDestination, (uint)value & 0xff00_0000);
                break;
            case LocalApicRegister.DestinationFormat:
                Volatile.Write(ref _destinationFormat, (uint)value | 0x0fff_ffff);
                break;
            case LocalApicRegister.CommandHigh:
                _commandHigh = (uint)value & 0xff00_0000;
                break;
            case LocalApicRegister.Command:
                _command = (uint)value & CommandBits;
                Send(InterruptRequest.Widen((byte)(_commandHigh >> 24), (_command & CommandIsLogical) != 0));
                break;
            default:
                if (!TryWrite((uint)address, (uint)value))
                {
                    Report(LocalApicError.IllegalRegister);
                }

                break;
        }
    }

    /// <summary>Reads a register of 32 bits in either mode.</summary>
    /// <returns>False when there is none to read.</returns>
    private bool TryRead(uint register, out uint value)
    {
        value = 0;
        switch (register)
        {
            case LocalApicRegister.Id:
                value = IsExtended ? Id : Id << 24;
                break;
            case LocalApicRegister.Version:
                value = VersionValue;
                break;
            case LocalApicRegister.TaskPriority:
                value = _taskPriority;
                break;
            case LocalApicRegister.ProcessorPriority:
                value = ProcessorPriority;
                break;
            case LocalApicRegister.EndOfInterrupt:
                return !IsExtended;
            case LocalApicRegister.LogicalDestination:
                value = IsExtended ? ExtendedLogicalId(Id) : _logicalDestination;
                break;
            case LocalApicRegister.DestinationFormat:
                value = _destinationFormat;
                return !IsExtended;
            case LocalApicRegister.SpuriousVector:
                value = _spurious;
                break;
            case >= LocalApicRegister.InService and < LocalApicRegister.TriggerMode:
                value = _inService[(int)(register >> 4) & 7];
                break;
            case >= LocalApicRegister.TriggerMode and < LocalApicRegister.Requested:
                value = _level[(int)(register >> 4) & 7];
                break;
            case >= LocalApicRegister.Requested and < LocalApicRegister.ErrorStatus:
                value = _requested[(int)(register >> 4) & 7];
                break;
            case LocalApicRegister.ErrorStatus:
                value = _errorStatus;
                break;
            case LocalApicRegister.Command:
                value = _command;
                break;
            case LocalApicRegister.CommandHigh:
                value = _commandHigh;
                return !IsExtended;
            case >= LocalApicRegister.LocalVectors and <= LocalApicRegister.ErrorVector:
                value = _localVectors[(register - LocalApicRegister.LocalVectors) >> 4];
                break;
            case LocalApicRegister.InitialCount:
                value = _timer.InitialCount;
                break;
            case LocalApicRegister.CurrentCount:
                value = _timer.CurrentCount;
                break;
            case LocalApicRegister.DivideConfiguration:
                value = _divide;
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>Writes a register that is the same in both modes.</summary>
    /// <returns>False when there is none to write.</returns>
    private bool TryWrite(uint register, uint value)
    {
        switch (register)
        {
            case LocalApicRegister.TaskPriority:
                _taskPriority = value & 0xff;
                break;
            case LocalApicRegister.EndOfInterrupt:
                EndInterrupt();
                break;
            case LocalApicRegister.SpuriousVector:
                WriteSpurious(value);
                break;
            case LocalApicRegister.ErrorStatus:
                // Writing shows what went wrong since it was written the last time.
                _errorStatus = Interlocked.Exchange(ref _errors, 0);
                break;
            case >= LocalApicRegister.LocalVectors and <= LocalApicRegister.ErrorVector:
                WriteLocalVector(register, value);
                break;
            case LocalApicRegister.InitialCount:
                _timer.SetInitialCount(value);
                break;
            case LocalApicRegister.DivideConfiguration:
                _divide = value & 0xb;
                _timer.SetDivide(_divide);
                break;
            case LocalApicRegister.Id or LocalApicRegister.Version or LocalApicRegister.ProcessorPriority or LocalApicRegister.CurrentCount
                or (>= LocalApicRegister.InService and < LocalApicRegister.ErrorStatus):
                return !IsExtended; // Read-only: an error where registers are MSRs alone.
            default:
                return false;
        }

        return true;
    }

    private void WriteSpurious(uint value)
    {
        Volatile.Write(ref _spurious, value & (LocalVectorBits.NoEndBroadcast | LocalVectorBits.SoftwareEnabled | 0xff));
        if (!IsSoftwareEnabled)
        {
            foreach (ref uint entry in _localVectors.AsSpan())
            {
                Volatile.Write(ref entry, entry | LocalVectorBits.Masked);
            }
        }
    }

    private void WriteLocalVector(uint register, uint value)
    {
        int index = (int)(register - LocalApicRegister.LocalVectors) >> 4;
        value &= LocalVectorBits.Writable[index];
        Volatile.Write(ref _localVectors[index], IsSoftwareEnabled ? value : value | LocalVectorBits.Masked);
        if (register == LocalApicRegister.TimerVector)
        {
            _timer.SetMode((LocalTimerMode)((value >> LocalVectorBits.TimerModeShift) & 3));
        }
    }
}
