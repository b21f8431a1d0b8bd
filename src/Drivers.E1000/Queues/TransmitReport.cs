namespace Makatea.Drivers.E1000;

/// <summary>
/// What is over when the controller reports on one descriptor. It is asked to report on the last descriptor of each batch alone, and takes them in order.
/// </summary>
internal struct TransmitReport
{
    /// <summary>The report is there without a descriptor: all frames of the batch were dropped.</summary>
    public const int NoDescriptor = -1;

    /// <summary>Index of the descriptor, or <see cref="NoDescriptor"/>.</summary>
    public int Descriptor;

    /// <summary>Frames taken up to here, ever.</summary>
    public uint Frames;

    /// <summary>Descriptors used up to here, ever.</summary>
    public uint Descriptors;

    /// <summary>Head of the copies' arena here.</summary>
    public uint Copies;

    /// <summary>Frames of the batch that the controller got.</summary>
    public uint Sent;

    /// <summary>Their bytes.</summary>
    public uint Bytes;
}
