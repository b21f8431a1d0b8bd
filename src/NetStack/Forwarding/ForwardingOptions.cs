namespace Makatea.NetStack;

/// <summary>How a forwarding loop runs.</summary>
public sealed record ForwardingOptions
{
    /// <summary>Name of the thread.</summary>
    public string Name { get; init; } = "forwarding";

    /// <summary>The longest that the idle loop polls before it sleeps; zero never polls.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromMicroseconds(50);
}
