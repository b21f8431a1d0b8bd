using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>An open disk: the top of its layers, and those of them that are of interest by themselves.</summary>
/// <param name="Name">Name of its device.</param>
/// <param name="Device">What a backend serves, and disposes.</param>
internal sealed record Disk(string Name, BlockDevice Device)
{
    /// <summary>The overlay, if it has one.</summary>
    public OverlayDevice? Overlay { get; init; }

    /// <summary>The rate limit, if it has one.</summary>
    public RateLimitDevice? RateLimit { get; init; }

    /// <summary>What is below the rate limit: the domain's own requests do not wait in line.</summary>
    public required BlockDevice Unlimited { get; init; }

    /// <summary>Makes everything durable that was written.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Flush(ComponentHost host)
    {
        if (!Unlimited.Info.IsReadOnly)
        {
            using var queue = new SynchronousQueue(Unlimited, host);
            queue.Flush();
        }
    }
}
