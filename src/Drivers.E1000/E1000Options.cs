namespace Makatea.Drivers.E1000;

/// <summary>How a port is to be.</summary>
public sealed record E1000Options
{
    /// <summary>Largest payload of a frame in bytes: 68 to 16106 on the 82540EM, to 9212 on the 82574L.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Least time between two interrupts of a vector, 0 to 16 ms; 0 moderates nothing.</summary>
    public TimeSpan InterruptInterval { get; init; } = TimeSpan.FromMicroseconds(50);

    /// <summary>Whether interrupts are used where the function has them; otherwise the queues ask to be polled.</summary>
    public bool UseInterrupts { get; init; } = true;

    /// <summary>How often a queue without interrupts wants to be looked at while it waits.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMicroseconds(100);

    /// <summary>
    /// How often the adapter is looked after: link, statistics, whether it hangs. It counts as hanging where it made no progress for a whole interval.
    /// <see cref="Timeout.InfiniteTimeSpan"/> leaves that to changes of the link alone.
    /// </summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);
}
