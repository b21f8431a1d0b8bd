namespace Makatea.Virtio;

/// <summary>
/// What one queue's loop did. Written by the queue's thread alone, with plain additions; read by anybody, each value on its own.
/// </summary>
public sealed class QueueCounters
{
    /// <summary>Times that the driver woke the queue.</summary>
    public long Kicks;

    /// <summary>Times that the queue notified the driver.</summary>
    public long Calls;

    /// <summary>Batches of used buffers published.</summary>
    public long Batches;

    /// <summary>Times that the queue went to sleep.</summary>
    public long Sleeps;

    /// <summary>Times that the driver broke the ring.</summary>
    public long Faults;
}
