namespace Makatea.Drivers.E1000;

/// <summary>Interrupt causes: bits of ICR, IMS and IMC.</summary>
internal static class Cause
{
    public const uint TransmitWrittenBack = 1 << 0;

    public const uint LinkChanged = 1 << 2;

    public const uint ReceiveTimer = 1 << 7;

    /// <summary>82574L, MSI-X: queue 0 received; queue 1 is the next bit.</summary>
    public const uint ReceiveQueue = 1 << 20;

    /// <summary>82574L, MSI-X: queue 0 transmitted; queue 1 is the next bit.</summary>
    public const uint TransmitQueue = 1 << 22;

    /// <summary>82574L, MSI-X: any cause that is none of a queue's.</summary>
    public const uint Other = 1 << 24;

    /// <summary>All.</summary>
    public const uint All = uint.MaxValue;
}

/// <summary>Fields of <see cref="Register82574.InterruptVectors"/>: three bits of vector, one of validity.</summary>
internal static class InterruptVectorFields
{
    public const int ReceiveQueueShift = 0;

    public const int TransmitQueueShift = 8;

    public const int OtherShift = 16;

    /// <summary>From a queue's field to the next queue's.</summary>
    public const int QueueStride = 4;

    public const uint Valid = 8;
}
