namespace Makatea.Virtio.Block;

/// <summary>
/// What one queue of a block device did. Written by the queue's thread alone, with plain additions; read by anybody, each value on its own.
/// </summary>
public sealed class BlockCounters
{
    /// <summary>Reads that ended well.</summary>
    public long Reads;

    /// <summary>Bytes read.</summary>
    public long ReadBytes;

    /// <summary>Writes that ended well.</summary>
    public long Writes;

    /// <summary>Bytes written.</summary>
    public long WrittenBytes;

    /// <summary>Flushes that ended well.</summary>
    public long Flushes;

    /// <summary>Writes that a flush of ours followed before they ended, because the driver's write cache is off.</summary>
    public long StableWrites;

    /// <summary>Discards, zeroes written and secure erases that ended well.</summary>
    public long Discards;

    /// <summary>Requests that ended with an I/O error or were refused.</summary>
    public long Errors;

    /// <summary>What the queue's loop did.</summary>
    public QueueCounters Loop { get; } = new();
}
