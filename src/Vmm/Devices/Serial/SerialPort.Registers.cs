namespace Makatea.Vmm;

/// <content>Its registers ([16550] 8). Each is a byte: wider accesses are answered by nobody.</content>
public sealed partial class SerialPort
{
    private bool IsLatched => (_lineControl & SerialLineControl.DivisorLatch) != 0;

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (width != 1)
        {
            return RegisterWidth.Mask(width);
        }

        byte value;
        bool gotRoom;
        lock (_lock)
        {
            int before = Room;
            value = ReadByte(address);
            gotRoom = before <= 0 && Room > 0;
            UpdateLine();
        }

        if (gotRoom)
        {
            HasRoom?.Invoke();
        }

        return value;
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (width != 1)
        {
            return;
        }

        bool sent;
        bool gotRoom;
        lock (_lock)
        {
            int room = Room;
            int before = _output.Count;
            WriteByte(address, (byte)value);
            sent = before == 0 && _output.Count != 0;
            gotRoom = room <= 0 && Room > 0;
            UpdateLine();
        }

        if (sent)
        {
            Sent?.Invoke();
        }

        if (gotRoom)
        {
            HasRoom?.Invoke();
        }
    }

    private byte ReadByte(ulong address)
    {
        byte value;
        switch (address)
        {
            case SerialRegister.Data when IsLatched:
                return (byte)_divisor;
            case SerialRegister.Data:
                if (_received.Count != 0)
                {
                    _lastReceived = _received.Take();
                }

                return _lastReceived;
            case SerialRegister.InterruptEnable when IsLatched:
                return (byte)(_divisor >> 8);
            case SerialRegister.InterruptEnable:
                return _enable;
            case SerialRegister.InterruptId:
                value = InterruptId();
                _transmitterInterrupt &= value != SerialInterrupt.TransmitterEmpty; // Reading this one clears it.
                return (byte)(value | (_hasFifo ? SerialInterrupt.FifosEnabled : 0));
            case SerialRegister.LineControl:
                return _lineControl;
            case SerialRegister.ModemControl:
                return _modemControl;
            case SerialRegister.LineStatus:
                value = (byte)(SerialLineStatus.TransmitterEmpty | (_received.Count != 0 ? SerialLineStatus.DataReady : 0) | (_overrun ? SerialLineStatus.Overrun : 0));
                _overrun = false;
                return value;
            case SerialRegister.ModemStatus:
                value = _modemStatus;
                _modemStatus &= SerialModemStatus.Lines;
                return value;
            case SerialRegister.Scratch:
                return _scratch;
            default:
                return byte.MaxValue;
        }
    }

    private void WriteByte(ulong address, byte value)
    {
        switch (address)
        {
            case SerialRegister.Data when IsLatched:
                _divisor = (ushort)((_divisor & 0xff00) | value);
                break;
            case SerialRegister.Data:
                Transmit(value);
                break;
            case SerialRegister.InterruptEnable when IsLatched:
                _divisor = (ushort)((_divisor & 0x00ff) | (value << 8));
                break;
            case SerialRegister.InterruptEnable:
                // Enabling the transmitter's interrupt while it is empty interrupts.
                _transmitterInterrupt |= (value & ~_enable & SerialEnable.TransmitterEmpty) != 0;
                _enable = (byte)(value & SerialEnable.All);
                break;
            case SerialRegister.FifoControl:
                WriteFifoControl(value);
                break;
            case SerialRegister.LineControl:
                _lineControl = value;
                break;
            case SerialRegister.ModemControl:
                _modemControl = (byte)(value & SerialModemControl.All);
                UpdateModemStatus();
                break;
            case SerialRegister.Scratch:
                _scratch = value;
                break;
            default:
                break; // LSR and MSR are for the factory's tests.
        }
    }

    private void WriteFifoControl(byte value)
    {
        bool enable = (value & SerialFifo.Enable) != 0;
        if (enable != _hasFifo || (enable && (value & SerialFifo.ClearReceiver) != 0))
        {
            _received.Clear();
        }

        _hasFifo = enable;
        ReadOnlySpan<int> triggers = [1, 4, 8, 14];
        _trigger = enable ? triggers[value >> SerialFifo.TriggerShift] : 1;
    }

    /// <summary>In a loop the modem's lines are our own: RTS, DTR, OUT1 and OUT2.</summary>
    private void UpdateModemStatus()
    {
        byte lines = !IsLooped ? ConnectedLines : (byte)(
            ((_modemControl & SerialModemControl.RequestToSend) != 0 ? SerialModemStatus.ClearToSend : 0)
            | ((_modemControl & SerialModemControl.DataTerminalReady) != 0 ? SerialModemStatus.DataSetReady : 0)
            | ((_modemControl & SerialModemControl.Output1) != 0 ? SerialModemStatus.RingIndicator : 0)
            | ((_modemControl & SerialModemControl.Output2) != 0 ? SerialModemStatus.CarrierDetect : 0));
        int changed = (lines ^ _modemStatus) & SerialModemStatus.Lines;
        if ((lines & SerialModemStatus.RingIndicator) != 0)
        {
            changed &= ~SerialModemStatus.RingIndicator; // Of this one its end counts.
        }

        _modemStatus = (byte)(lines | (_modemStatus & ~SerialModemStatus.Lines) | (changed >> 4));
    }
}
