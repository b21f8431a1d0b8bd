namespace Makatea.Domains.Net;

/// <summary>What <see cref="NetBackend"/> does with frames.</summary>
public enum NetBackendMode
{
    /// <summary>A learning switch between all front ends.</summary>
    Switch,

    /// <summary>Every frame goes back where it came from.</summary>
    Loopback,

    /// <summary>Every frame is dropped.</summary>
    Sink,
}

/// <summary>How <see cref="NetBackend"/> serves.</summary>
public sealed record NetBackendOptions
{
    /// <summary>Name for logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary>What is done with frames.</summary>
    public NetBackendMode Mode { get; init; }

    /// <summary>Most front ends at a time, 1 to 64; further ones are turned away.</summary>
    public int MaxPorts { get; init; } = 16;

    /// <summary>Pairs of queues of each.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>Largest queue size: a power of two, 2 to 32,768.</summary>
    public ushort MaxQueueSize { get; init; } = 1024;

    /// <summary>Largest payload of a frame in bytes, 68 to 65,535.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>The longest that the idle thread polls before it sleeps; zero never polls.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromMicroseconds(50);

    internal void Check()
    {
        if (MaxPorts is < 1 or > 64)
        {
            throw new ArgumentException($"{MaxPorts} front ends are not 1 to 64");
        }

        if (PollTime < TimeSpan.Zero || PollTime > TimeSpan.FromMilliseconds(10))
        {
            throw new ArgumentException($"poll time {PollTime.TotalMicroseconds} us is not 0 to 10000 us");
        }
    }
}
