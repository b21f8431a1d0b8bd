using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// A 16550A ([16550]) whose line is infinitely fast: what is written is sent at once, and its transmitter is always empty. The host's side takes what was sent with <see cref="Take"/> and
/// gives what is to be received to <see cref="Receive"/>, or leaves both to a <see cref="SerialConsole"/>.
/// </summary>
/// <remarks>
/// A guest never waits for a console that nobody reads, and costs a fixed amount of memory however much it writes: the latest <see cref="OutputCapacity"/> bytes are kept, and what was lost of
/// those before is counted. Accesses may come from any thread.
/// </remarks>
public sealed partial class SerialPort : RegisterBus
{
    /// <summary>Number of bytes sent that are kept until they are taken.</summary>
    public const int OutputCapacity = 64 * 1024;

    private const int FifoLength = 16;
    private const ushort Divisor9600 = 12;

    private readonly Lock _lock = new();
    private readonly InterruptLine _line;
    private readonly ByteRing _output = new(OutputCapacity);
    private readonly ByteRing _received = new(FifoLength);
    private ushort _divisor = Divisor9600;
    private byte _enable;
    private byte _lineControl;
    private byte _modemControl;
    private byte _modemStatus = ConnectedLines;
    private byte _scratch;
    private byte _lastReceived;
    private bool _overrun;
    private bool _transmitterInterrupt;
    private bool _hasFifo;
    private int _trigger = 1;
    private long _lost;

    /// <summary>Makes a port.</summary>
    /// <param name="line">Its interrupt.</param>
    public SerialPort(InterruptLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        _line = line;
    }

    /// <summary>Called by a vCPU's thread when there is something to <see cref="Take"/> that was not there before. Does not block.</summary>
    public event Action? Sent;

    /// <summary>Called by a vCPU's thread when there is room to <see cref="Receive"/> again. Does not block.</summary>
    public event Action? HasRoom;

    /// <summary>Number of bytes that were sent and lost as nobody took them.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>What the other end holds: clear to send, data set ready, carrier.</summary>
    private const byte ConnectedLines = SerialModemStatus.ClearToSend | SerialModemStatus.DataSetReady | SerialModemStatus.CarrierDetect;

    private bool IsLooped => (_modemControl & SerialModemControl.Loop) != 0;

    private int Room => IsLooped ? 0 : (_hasFifo ? FifoLength : 1) - _received.Count;

    /// <summary>Takes the oldest bytes that were sent.</summary>
    /// <returns>How many; 0 when there are none.</returns>
    public int Take(Span<byte> destination)
    {
        lock (_lock)
        {
            return _output.Take(destination);
        }
    }

    /// <summary>Receives as many bytes as there is room for.</summary>
    /// <returns>How many; <see cref="HasRoom"/> says when more can be.</returns>
    public int Receive(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            int count = Math.Clamp(Room, 0, bytes.Length);
            foreach (byte value in bytes[..count])
            {
                _received.Add(value);
            }

            UpdateLine();
            return count;
        }
    }

    private void Transmit(byte value)
    {
        if (IsLooped)
        {
            if (_received.Count >= (_hasFifo ? FifoLength : 1))
            {
                _overrun = true; // The character in the shift register is lost.
            }
            else
            {
                _received.Add(value);
            }
        }
        else if (!_output.Add(value))
        {
            Interlocked.Increment(ref _lost);
        }

        _transmitterInterrupt = true;
    }

    private byte InterruptId()
    {
        if ((_enable & SerialEnable.LineStatus) != 0 && _overrun)
        {
            return SerialInterrupt.LineStatus;
        }

        if ((_enable & SerialEnable.Received) != 0 && _received.Count != 0)
        {
            return _received.Count >= _trigger ? SerialInterrupt.Received : SerialInterrupt.Timeout;
        }

        if ((_enable & SerialEnable.TransmitterEmpty) != 0 && _transmitterInterrupt)
        {
            return SerialInterrupt.TransmitterEmpty;
        }

        return (_enable & SerialEnable.ModemStatus) != 0 && (_modemStatus & ~SerialModemStatus.Lines) != 0
            ? SerialInterrupt.ModemStatus
            : SerialInterrupt.None;
    }

    /// <summary>The interrupt leaves the chip on a PC where OUT2 lets it; in a loop OUT2 is off outside.</summary>
    private void UpdateLine() =>
        _line.Set((_modemControl & (SerialModemControl.Output2 | SerialModemControl.Loop)) == SerialModemControl.Output2 && InterruptId() != SerialInterrupt.None);
}
