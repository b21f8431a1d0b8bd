using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Vmm.Virtio;

/// <summary>
/// A virtio device as a transport presents it ([VIRTIO-1.3] 2): what it offers, its configuration, and queues that somebody else serves. The transport calls it under its own lock, one call at a time;
/// the doorbells alone are used at any time.
/// </summary>
public abstract class VirtioFrontEnd : IDisposable
{
    /// <summary>The kind of device (section 5).</summary>
    public abstract uint DeviceType { get; }

    /// <summary>Features offered, VIRTIO_F_VERSION_1 among them.</summary>
    public abstract ulong Features { get; }

    /// <summary>The most descriptors of each queue.</summary>
    public abstract IReadOnlyList<ushort> QueueSizes { get; }

    /// <summary>Length of the configuration in bytes; what is behind reads 0.</summary>
    public abstract int ConfigLength { get; }

    /// <summary>What the driver rings to say that a queue has something new; of one queue for the device's life.</summary>
    public abstract Doorbell Kick(int queue);

    /// <summary>Reads configuration that is inside <see cref="ConfigLength"/>.</summary>
    public abstract void ReadConfig(int offset, Span<byte> destination);

    /// <summary>Writes configuration that is inside <see cref="ConfigLength"/>. What the device does not take is ignored.</summary>
    public abstract void WriteConfig(int offset, ReadOnlySpan<byte> source);

    /// <summary>Has the queues served.</summary>
    /// <param name="features">What the driver accepted, a part of what was offered.</param>
    /// <param name="queues">All queues, in order; what they say is the guest's.</param>
    /// <param name="interrupts">Told of what is used and what changed, from any thread.</param>
    /// <exception cref="VirtioFrontEndException">It cannot; the device then needs a reset.</exception>
    public abstract void Start(ulong features, IReadOnlyList<VirtqueueLayout> queues, IVirtioInterrupts interrupts);

    /// <summary>Has the queues no longer served. When this returns nothing of theirs is touched any more.</summary>
    public abstract void Stop();

    /// <summary>As <see cref="Stop"/>, and says where each queue's server stopped: what it had begun is complete. <see cref="Start"/> goes on from there where the layouts say so.</summary>
    /// <returns>For each queue, in order; null for one that was not served.</returns>
    /// <exception cref="VirtioFrontEndException">It cannot say.</exception>
    public virtual IReadOnlyList<RingPosition?> Suspend() => throw new VirtioFrontEndException("a device of this kind cannot say where its queues stopped");

    /// <summary>Gives the device up.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the device up.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>What a device tells its driver by way of the transport, from any thread.</summary>
public interface IVirtioInterrupts
{
    /// <summary>A queue has used buffers.</summary>
    void NotifyQueue(int queue);

    /// <summary>The configuration changed.</summary>
    void NotifyConfiguration();

    /// <summary>The device cannot go on until it is reset (DEVICE_NEEDS_RESET, [VIRTIO-1.3] 2.1.2).</summary>
    void Fail();
}

/// <summary>Where a guest says that a queue is ([VIRTIO-1.3] 2.6).</summary>
/// <param name="IsEnabled">The driver uses it.</param>
/// <param name="Size">Number of descriptors.</param>
/// <param name="Descriptors">Guest address of the descriptor area.</param>
/// <param name="Driver">Guest address of the driver area.</param>
/// <param name="Device">Guest address of the device area.</param>
/// <param name="Position">Where its server goes on; null where it starts.</param>
public readonly record struct VirtqueueLayout(bool IsEnabled, ushort Size, ulong Descriptors, ulong Driver, ulong Device, RingPosition? Position = null);

/// <summary>A device could not be started or asked. The message says what was seen; the guest sees DEVICE_NEEDS_RESET.</summary>
public sealed class VirtioFrontEndException(string message, Exception? inner = null) : Exception(message, inner);
