namespace Makatea.Platform;

/// <summary>
/// A block device: an NVMe namespace, a file, or a layer over another device. It is opened once; each user of it opens as many
/// queues as it has threads. Layers compose: a layer takes over the device below it and disposes it.
/// </summary>
public abstract class BlockDevice : IDisposable
{
    /// <summary>Unit of <see cref="BlockRequest.Sector"/> in bytes, whatever the device's block size.</summary>
    public const int SectorSize = 512;

    /// <summary>What the device is and does now.</summary>
    public abstract BlockDeviceInfo Info { get; }

    /// <summary>
    /// Raised when <see cref="Info"/> changed, such as its capacity. On any thread.
    /// </summary>
    public event Action? InfoChanged;

    /// <summary>Opens a queue.</summary>
    /// <param name="depth">The most requests that will be outstanding on it, 1 to 65,536.</param>
    /// <param name="completions">
    /// What to ring for completions, for a user that waits for several queues at one doorbell, such as a layer over two devices. It stays the caller's.
    /// Null lets the queue make its own where it needs one.
    /// </param>
    public abstract BlockQueue OpenQueue(int depth, Doorbell? completions = null);

    /// <summary>
    /// Tells that the data of requests will lie in <paramref name="memory"/>, so that a device that reaches memory by itself need not copy. Layers pass it on. Data may lie elsewhere.
    /// </summary>
    /// <exception cref="IOException">The device was to reach it and cannot; the message says why. Requests are done all the same, by copying.</exception>
    public virtual void AddMemory(MappedMemory memory)
    {
    }

    /// <summary>Takes back <see cref="AddMemory"/>, before the memory goes: no request with data in it is outstanding. Nothing reaches it after the return.</summary>
    public virtual void RemoveMemory(MappedMemory memory)
    {
    }

    /// <summary>Ends the device. Its queues must have been disposed.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the device.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Raises <see cref="InfoChanged"/>.</summary>
    protected void OnInfoChanged() => InfoChanged?.Invoke();
}
