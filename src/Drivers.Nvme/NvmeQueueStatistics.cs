namespace Makatea.Drivers.Nvme;

/// <summary>What a queue did since it was opened.</summary>
public readonly record struct NvmeQueueStatistics
{
    /// <summary>The interrupt vector that tells of completions; -1 for a queue that is polled.</summary>
    public int Vector { get; init; }

    /// <summary>Processor on which the queue's thread stays, once it waited for that interrupt; negative where it may be on any.</summary>
    public int Processor { get; init; }

    /// <summary>Commands that were made; large requests need several.</summary>
    public long Commands { get; init; }

    /// <summary>Writes to the submission doorbell's register.</summary>
    public long DoorbellWrites { get; init; }

    /// <summary>Bytes that were copied, as the controller cannot reach them or has no words for where they lie.</summary>
    public long BouncedBytes { get; init; }

    /// <summary>Commands that were sent again after an error.</summary>
    public long Retries { get; init; }

    /// <summary>Commands that were sent again after a reset.</summary>
    public long Replays { get; init; }

    /// <summary>Commands that took too long.</summary>
    public long Timeouts { get; init; }

    /// <summary>Times that completions were found without an interrupt having come.</summary>
    public long LateInterrupts { get; init; }

    /// <summary>Commands and requests that ended with an error.</summary>
    public long Errors { get; init; }
}
