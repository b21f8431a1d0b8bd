using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Serves one virtqueue on a thread of its own. A device makes one when its transport starts a queue.</summary>
public abstract class QueueWorker : IDisposable
{
    /// <summary>How the driver broke the ring, if it did; then the worker idles until stopped.</summary>
    public abstract RingFault Fault { get; }

    /// <summary>What to ring for the driver; may be replaced while the worker runs. The old one is the caller's to dispose after the setter returned.</summary>
    public abstract Doorbell? Call { get; set; }

    /// <summary>Raised once, on the worker's thread, when the driver broke the ring.</summary>
    public event Action<QueueWorker>? Broken;

    /// <summary>Starts serving.</summary>
    public abstract void Start();

    /// <summary>
    /// Stops taking buffers, waits until every one taken was given back and published, and ends the thread.
    /// </summary>
    /// <returns>Where the ring stands; from there a worker made with the same setup goes on.</returns>
    public abstract RingPosition Stop();

    /// <summary>Stops if that was not done.</summary>
    public abstract void Dispose();

    /// <summary>Raises <see cref="Broken"/>.</summary>
    protected void OnBroken() => Broken?.Invoke(this);
}
