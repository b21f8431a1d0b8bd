namespace Makatea.NetStack;

/// <summary>Bounds of the DNS forwarder.</summary>
public sealed record DnsOptions
{
    /// <summary>Most answers that are kept.</summary>
    public int CacheEntries { get; init; } = 4096;

    /// <summary>Most bytes that they take, about.</summary>
    public int CacheBytes { get; init; } = 2 << 20;

    /// <summary>Most questions that are under way upstream.</summary>
    public int MaximumQuestions { get; init; } = 256;

    /// <summary>Most of them that one qube waits for; beyond that it is told of a failure.</summary>
    public int MaximumQuestionsPerClient { get; init; } = 32;

    /// <summary>How long the first servers have to answer, in milliseconds; the second time they have twice as long.</summary>
    public int Timeout { get; init; } = 1000;

    /// <summary>UDP port of upstream servers.</summary>
    public ushort ServerPort { get; init; } = 53;
}
