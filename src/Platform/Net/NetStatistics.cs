namespace Makatea.Platform;

/// <summary>What a port counted.</summary>
public readonly record struct NetStatistics
{
    /// <summary>Good frames that were received and handed to the queues' users.</summary>
    public ulong ReceivedFrames { get; init; }

    /// <summary>Their bytes, without the frame check sequence.</summary>
    public ulong ReceivedBytes { get; init; }

    /// <summary>Frames that were lost because there was no buffer for them.</summary>
    public ulong ReceiveMissed { get; init; }

    /// <summary>Frames with errors on the wire: check sequence, length, alignment.</summary>
    public ulong ReceiveErrors { get; init; }

    /// <summary>Frames transmitted, as they were given: one that was cut into segments is one.</summary>
    public ulong TransmittedFrames { get; init; }

    /// <summary>Their bytes, without the frame check sequence.</summary>
    public ulong TransmittedBytes { get; init; }

    /// <summary>Frames that were not transmitted: malformed, or the link or the adapter failed.</summary>
    public ulong TransmitErrors { get; init; }

    /// <summary>Frames, either way, that were copied because their memory is out of the adapter's reach.</summary>
    public ulong CopiedFrames { get; init; }

    /// <summary>Times that the adapter stood still and was reset.</summary>
    public ulong Resets { get; init; }

    /// <summary>What two counted together, such as the queues of a port.</summary>
    public static NetStatistics operator +(NetStatistics left, NetStatistics right) => new()
    {
        ReceivedFrames = left.ReceivedFrames + right.ReceivedFrames,
        ReceivedBytes = left.ReceivedBytes + right.ReceivedBytes,
        ReceiveMissed = left.ReceiveMissed + right.ReceiveMissed,
        ReceiveErrors = left.ReceiveErrors + right.ReceiveErrors,
        TransmittedFrames = left.TransmittedFrames + right.TransmittedFrames,
        TransmittedBytes = left.TransmittedBytes + right.TransmittedBytes,
        TransmitErrors = left.TransmitErrors + right.TransmitErrors,
        CopiedFrames = left.CopiedFrames + right.CopiedFrames,
        Resets = left.Resets + right.Resets,
    };
}
