namespace Makatea.Platform;

/// <summary>How a queue pair is to be.</summary>
public sealed record NetQueueOptions
{
    /// <summary>Most frames that are being transmitted at a time.</summary>
    public int TransmitDepth { get; init; } = 256;

    /// <summary>Most buffers that wait for received frames at a time.</summary>
    public int ReceiveDepth { get; init; } = 256;

    /// <summary>Length of each buffer for received frames in bytes.</summary>
    public int ReceiveBufferLength { get; init; } = 2048;
}
