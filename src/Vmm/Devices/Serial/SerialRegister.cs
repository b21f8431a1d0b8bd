namespace Makatea.Vmm;

/// <summary>Registers of a 16550A ([16550] table II): offsets of ports.</summary>
internal static class SerialRegister
{
    /// <summary>RBR and THR; the divisor's low half behind <see cref="LineControl"/>'s latch bit.</summary>
    public const int Data = 0;

    /// <summary>IER; the divisor's high half behind the latch bit.</summary>
    public const int InterruptEnable = 1;

    /// <summary>IIR when read.</summary>
    public const int InterruptId = 2;

    /// <summary>FCR when written.</summary>
    public const int FifoControl = 2;
    public const int LineControl = 3;
    public const int ModemControl = 4;
    public const int LineStatus = 5;
    public const int ModemStatus = 6;
    public const int Scratch = 7;
}

/// <summary>Bits of IER.</summary>
internal static class SerialEnable
{
    public const byte Received = 1 << 0;
    public const byte TransmitterEmpty = 1 << 1;
    public const byte LineStatus = 1 << 2;
    public const byte ModemStatus = 1 << 3;
    public const byte All = 0xf;
}

/// <summary>What IIR says, in the order of its priority ([16550] table IV).</summary>
internal static class SerialInterrupt
{
    public const byte LineStatus = 0x6;
    public const byte Received = 0x4;

    /// <summary>Less was received than the trigger level, and nobody fetched it for four characters' time.</summary>
    public const byte Timeout = 0xc;
    public const byte TransmitterEmpty = 0x2;
    public const byte ModemStatus = 0x0;
    public const byte None = 0x1;
    public const byte FifosEnabled = 0xc0;
}

/// <summary>Bits of FCR.</summary>
internal static class SerialFifo
{
    public const byte Enable = 1 << 0;
    public const byte ClearReceiver = 1 << 1;
    public const int TriggerShift = 6;
}

/// <summary>Bits of LCR.</summary>
internal static class SerialLineControl
{
    public const byte DivisorLatch = 1 << 7;
}

/// <summary>Bits of MCR.</summary>
internal static class SerialModemControl
{
    public const byte DataTerminalReady = 1 << 0;
    public const byte RequestToSend = 1 << 1;
    public const byte Output1 = 1 << 2;

    /// <summary>Lets the interrupt out on a PC.</summary>
    public const byte Output2 = 1 << 3;
    public const byte Loop = 1 << 4;
    public const byte All = 0x1f;
}

/// <summary>Bits of LSR.</summary>
internal static class SerialLineStatus
{
    public const byte DataReady = 1 << 0;
    public const byte Overrun = 1 << 1;

    /// <summary>THRE and TEMT.</summary>
    public const byte TransmitterEmpty = 3 << 5;
}

/// <summary>Bits of MSR; the lower four say that an upper one changed.</summary>
internal static class SerialModemStatus
{
    public const byte ClearToSend = 1 << 4;
    public const byte DataSetReady = 1 << 5;
    public const byte RingIndicator = 1 << 6;
    public const byte CarrierDetect = 1 << 7;
    public const byte Lines = 0xf0;
}
