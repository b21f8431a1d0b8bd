using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// What a device does with the buffers of one queue. A handler is a struct and the loop is generic over it, so that it and the ring
/// compile to one piece of code. All members are called on the queue's thread.
/// </summary>
public interface IQueueHandler : IDisposable
{
    /// <summary>Rings when <see cref="Process"/> has something to do that did not come from the driver; or null.</summary>
    Doorbell? Wakeup { get; }

    /// <summary>Number of buffers taken that are being worked on; a queue stops when there is none.</summary>
    int Outstanding { get; }

    /// <summary>
    /// Finishes what can be finished and, if <paramref name="accept"/>, takes new buffers. Pushes, but does not publish.
    /// </summary>
    /// <returns>Whether anything happened.</returns>
    bool Process<TRing>(ref TRing ring, bool accept)
        where TRing : struct, IDeviceRing;

    /// <summary>Before sleeping: makes <see cref="Wakeup"/> ring for the next event, as <see cref="BlockQueue.Arm"/>.</summary>
    long Arm();
}
