using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The device side of a virtio device, without a transport: features, configuration space and queues. Transports (vhost-user, mmio,
/// pci) drive it: negotiate features, then start and stop queues.
/// </summary>
public abstract class VirtioDevice : IDisposable
{
    /// <summary>Raised when configuration space changed; on any thread.</summary>
    public event Action? ConfigChanged;

    /// <summary>Name for logs and metrics.</summary>
    public abstract string Name { get; }

    /// <summary>Device ID ([VIRTIO-1.3] 5), such as 2 for a block device.</summary>
    public abstract uint DeviceId { get; }

    /// <summary>Number of virtqueues.</summary>
    public abstract int QueueCount { get; }

    /// <summary>Largest queue size.</summary>
    public abstract ushort MaxQueueSize { get; }

    /// <summary>Features offered.</summary>
    public abstract ulong Features { get; }

    /// <summary>Length of configuration space in bytes.</summary>
    public abstract int ConfigLength { get; }

    /// <summary>Reads configuration space. Bytes beyond its end read as 0.</summary>
    public abstract void ReadConfig(int offset, Span<byte> destination);

    /// <summary>The driver writes configuration space.</summary>
    /// <returns>False where a byte of it cannot be written or the value is not allowed; then nothing changed.</returns>
    public abstract bool WriteConfig(int offset, ReadOnlySpan<byte> source, ulong negotiatedFeatures);

    /// <summary>Device and driver agreed on features; before any queue starts.</summary>
    /// <exception cref="ArgumentException">One needs another that was left out; the message says which.</exception>
    public virtual void AcceptFeatures(ulong features)
    {
    }

    /// <summary>Memory that buffers will lie in came; see <see cref="BlockDevice.AddMemory"/>. No worker runs.</summary>
    /// <exception cref="IOException">Hardware below was to reach it and cannot; the device works all the same.</exception>
    public virtual void AddMemory(MappedMemory memory)
    {
    }

    /// <summary>Memory that was added goes. No worker runs.</summary>
    public virtual void RemoveMemory(MappedMemory memory)
    {
    }

    /// <summary>Makes the worker for a queue; the transport starts and stops it.</summary>
    /// <exception cref="ArgumentException">The setup breaks a rule of the standard; the message says which.</exception>
    public abstract QueueWorker CreateWorker(QueueSetup setup);

    /// <summary>Returns to the state after start: what the driver configured is forgotten. Every worker has been stopped.</summary>
    public abstract void Reset();

    /// <summary>Ends the device. Every worker has been stopped.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the device.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Raises <see cref="ConfigChanged"/>.</summary>
    protected void OnConfigChanged() => ConfigChanged?.Invoke();
}
