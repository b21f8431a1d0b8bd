namespace Makatea.Drivers.Nvme;

/// <summary>How a controller is driven. The defaults suit any.</summary>
public sealed record NvmeOptions
{
    /// <summary>Most queues that will be open at a time, 1 to 1024; the controller may have fewer.</summary>
    public int MaxQueues { get; init; } = 32;

    /// <summary>How long a command may take until it is aborted, and again until the controller is reset.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an admin command may take until the controller is reset.</summary>
    public TimeSpan AdminTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the controller may take to make its caches safe where it does not say so itself (RTD3E).</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the controller's own state is looked at: fatal status, removal, events.</summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often a queue without an interrupt wants to be polled while requests are outstanding.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMicroseconds(100);

    /// <summary>After how much silence a queue with an interrupt looks for completions anyway.</summary>
    public TimeSpan LostInterruptInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How often a command that the controller ended with an error that may pass is tried again.</summary>
    public int MaxRetries { get; init; } = 3;

    /// <summary>After how many resets in a row without any progress the controller is given up.</summary>
    public int MaxResets { get; init; } = 3;

    /// <summary>Interrupts are used where the function has messages. Without, queues are polled.</summary>
    public bool UseInterrupts { get; init; } = true;

    /// <summary>Doorbells go through memory where the controller offers it, as emulated ones do ([NVMe-2.1] 5.2.5).</summary>
    public bool UseShadowDoorbells { get; init; } = true;

    /// <summary>Scatter-gather lists are used where the controller has them and pages cannot express the data.</summary>
    public bool UseScatterGatherLists { get; init; } = true;

    /// <summary>Memory of each queue for data that the controller cannot reach, in bytes: a multiple of 64 KiB.</summary>
    public int BounceLength { get; init; } = 1 << 20;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxQueues, 1, nameof(MaxQueues));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxQueues, 1024, nameof(MaxQueues));
        ArgumentOutOfRangeException.ThrowIfLessThan(BounceLength, BouncePool.BufferLength, nameof(BounceLength));
        ArgumentOutOfRangeException.ThrowIfNotEqual(BounceLength % BouncePool.BufferLength, 0, nameof(BounceLength));
        ArgumentOutOfRangeException.ThrowIfNegative(MaxRetries);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxResets);
        foreach (TimeSpan time in new[] { CommandTimeout, AdminTimeout, ShutdownTimeout, WatchInterval, PollInterval, LostInterruptInterval })
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(time, TimeSpan.FromHours(1));
        }
    }
}
