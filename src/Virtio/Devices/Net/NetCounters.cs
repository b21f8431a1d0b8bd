namespace Makatea.Virtio.Net;

/// <summary>
/// What a network device did, by the guest's words: it transmits, we receive. Written by the forwarding thread alone, with plain additions; read by anybody, each value on its own.
/// </summary>
public sealed class NetCounters
{
    /// <summary>Frames that the guest transmitted and that were handed on.</summary>
    public long Transmitted;

    /// <summary>Their bytes.</summary>
    public long TransmittedBytes;

    /// <summary>Frames of the guest's that were dropped because their header or length cannot be.</summary>
    public long Malformed;

    /// <summary>Frames that the guest received.</summary>
    public long Received;

    /// <summary>Their bytes.</summary>
    public long ReceivedBytes;

    /// <summary>Frames for the guest that were dropped because it had no buffer for them, or its driver does not run.</summary>
    public long NoBuffer;

    /// <summary>Frames for the guest that were dropped because it does not take such: too long for its buffers, or with work left to it that it did not agree to.</summary>
    public long Unwanted;

    /// <summary>Frames that the driver's filters kept from it.</summary>
    public long Filtered;

    /// <summary>Commands that the driver gave.</summary>
    public long Commands;

    /// <summary>Commands that were refused.</summary>
    public long RefusedCommands;

    /// <summary>What was done for the rings of frames.</summary>
    public QueueCounters Loop { get; } = new();

    /// <summary>What the control virtqueue's loop did.</summary>
    public QueueCounters Control { get; } = new();
}
