namespace Makatea.Sel4;

/// <summary>The first serial port, a 16550 [16550D-DS] at 0x3f8, polled. Where it is not granted, text goes to the kernel's own console.</summary>
internal struct SerialPort : IBytePort
{
    private const ulong Base = 0x3f8;
    private const ulong FifoControl = Base + 2;
    private const ulong InterruptIdentification = Base + 2;
    private const ulong LineStatus = Base + 5;
    private const ulong EnableFifo = 1;
    private const ulong FifoIsEnabled = 0xc0;
    private const ulong TransmitterIsEmpty = 1 << 5;
    private const int FifoLength = 16;
    private const int Patience = 1_000_000;

    private uint _ports;
    private int _burst;
    private int _room;

    /// <summary>Takes the port.</summary>
    /// <param name="ports">Slot of its ports, 0 for none.</param>
    internal static SerialPort Open(uint ports)
    {
        SerialPort port = default;
        port._ports = ports;
        if (ports != 0)
        {
            // How it sends was set by who used it before: the boot loader, the kernel.
            Out(ports, FifoControl, EnableFifo);
            port._burst = (In(ports, InterruptIdentification) & FifoIsEnabled) == FifoIsEnabled ? FifoLength : 1;
        }

        return port;
    }

    /// <inheritdoc/>
    public void Write(byte value)
    {
        if (_ports == 0)
        {
            KernelCall.DebugPut((char)value);
            return;
        }

        if (_room == 0)
        {
            for (int i = 0; i < Patience && (In(_ports, LineStatus) & TransmitterIsEmpty) == 0; i++)
            {
                // It is slower than we are. Where it never comes to an end, text is lost rather than everybody's time.
            }

            _room = _burst;
        }

        _room--;
        Out(_ports, Base, value);
    }

    private static ulong In(uint ports, ulong port) => KernelCall.Invoke(ports, BoardValue.X86IOPortIn8, 0, 1, port).Value;

    private static void Out(uint ports, ulong port, ulong value) => KernelCall.Invoke(ports, BoardValue.X86IOPortOut8, 0, 2, port, value);
}
