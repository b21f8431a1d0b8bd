namespace Makatea.Virtio.Block;

/// <summary>How a block device is presented to its guest.</summary>
public sealed record VirtioBlockOptions
{
    /// <summary>Name for logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary>What GET_ID answers, Linux's /sys/block/vdX/serial: up to 20 ASCII characters.</summary>
    public string Serial { get; init; } = "";

    /// <summary>Number of virtqueues, 1 to 256.</summary>
    public int QueueCount { get; init; } = 1;

    /// <summary>Largest queue size: a power of two, 2 to 32,768.</summary>
    public ushort MaxQueueSize { get; init; } = 1024;

    /// <summary>The longest that an idle queue polls before it sleeps; zero never polls.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromMicroseconds(50);

    internal void Check()
    {
        if (Serial.Length > BlockLimits.IdLength || !Serial.All(char.IsAscii))
        {
            throw new ArgumentException($"serial '{Serial}' is not up to {BlockLimits.IdLength} ASCII characters");
        }

        if (QueueCount is < 1 or > 256)
        {
            throw new ArgumentException($"{QueueCount} queues are not 1 to 256");
        }

        if (MaxQueueSize < 2 || MaxQueueSize > 32768 || (MaxQueueSize & (MaxQueueSize - 1)) != 0)
        {
            throw new ArgumentException($"queue size {MaxQueueSize} is not a power of two from 2 to 32768");
        }

        if (PollTime < TimeSpan.Zero || PollTime > TimeSpan.FromMilliseconds(10))
        {
            throw new ArgumentException($"poll time {PollTime.TotalMicroseconds} us is not 0 to 10000 us");
        }
    }
}
