namespace Makatea.Drivers.E1000;

/// <summary>Offsets of registers that the 82574L has and the 82540EM has not ([82574-DS] 10.2).</summary>
internal static class Register82574
{
    /// <summary>IVAR: which vector a cause raises.</summary>
    public const ulong InterruptVectors = 0x00e4;

    /// <summary>EITR: least time between messages of vector 0, in units of 256 ns; the next vectors' follow.</summary>
    public const ulong VectorThrottle = 0x00e8;

    /// <summary>EIAC: causes that a message clears.</summary>
    public const ulong AutoClear = 0x00dc;

    /// <summary>IAM: causes that a message or a read of the causes masks.</summary>
    public const ulong AutoMask = 0x00e0;

    /// <summary>EXTCNF_CTRL: who may use the MDI bus and the NVM, software or firmware.</summary>
    public const ulong ExtendedConfiguration = 0x0f00;

    /// <summary>TARC: arbitration of the transmit queues, by queue.</summary>
    public const ulong TransmitArbitration = 0x3840;

    /// <summary>MRQC: how frames are spread over queues.</summary>
    public const ulong MultipleQueues = 0x5818;

    /// <summary>RFCTL: receive filter control.</summary>
    public const ulong ReceiveFilterControl = 0x5008;

    /// <summary>RETA: redirection table: a queue by hash, 32 registers of 4 entries.</summary>
    public const ulong RedirectionTable = 0x5c00;

    /// <summary>RSSRK: key of the hash, 10 registers.</summary>
    public const ulong HashKey = 0x5c80;

    /// <summary>Registers of <see cref="RedirectionTable"/>.</summary>
    public const int RedirectionRegisters = 32;

    /// <summary>Registers of <see cref="HashKey"/>.</summary>
    public const int HashKeyRegisters = 10;
}
