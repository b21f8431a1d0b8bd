namespace Makatea.Virtio;

/// <summary>What a pop found.</summary>
public enum PopResult
{
    /// <summary>Nothing is available.</summary>
    Empty,

    /// <summary>A buffer.</summary>
    Popped,

    /// <summary>The driver broke the ring; see <see cref="IDeviceRing.Fault"/>. No more is popped until the queue is set up anew.</summary>
    Broken,
}
