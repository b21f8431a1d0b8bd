using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Serves the control virtqueue: each buffer is one command, struct virtio_net_ctrl ([VIRTIO-1.3] 5.1.6.5), whose acknowledgement is its first writable byte. A command holds when it is
/// acknowledged.
/// </summary>
internal readonly struct NetControlHandler(VirtioNetDevice device, QueueSetup setup) : IQueueHandler
{
    private const int BatchSize = 16;
    private const int MaxSegments = 64;
    private const byte Ok = 0;
    private const byte Error = 1;

    private readonly NativeArray<MemorySegment> _segments = new(MaxSegments);
    private readonly byte[] _command = new byte[NetControl.MaxLength];

    /// <inheritdoc/>
    public Doorbell? Wakeup => null;

    /// <inheritdoc/>
    public int Outstanding => 0;

    /// <inheritdoc/>
    public long Arm() => DoorbellWaiter.Forever;

    /// <inheritdoc/>
    public void Dispose() => _segments.Dispose();

    /// <inheritdoc/>
    public bool Process<TRing>(ref TRing ring, bool accept)
        where TRing : struct, IDeviceRing
    {
        int count = 0;
        while (accept && count < BatchSize && ring.TryPop(_segments.AsSpan(), out DescriptorChain chain) == PopResult.Popped)
        {
            count++;
            if (chain.ReadableBytes < 2 || chain.Writable == 0)
            {
                // There is nothing to do, or nowhere to say so: QEMU gives the device up, too.
                ring.Break(RingFault.RequestTooShort);
                break;
            }

            MemorySegment ack = _segments[chain.Readable];
            ack.WriteByte(0, Execute(in chain) ? Ok : Error);
            if (setup.DirtyLog is { } log && setup.Memory.TryFindGuestAddress(ack, out ulong address))
            {
                log.Mark(address, 1);
            }

            ring.Push(in chain, 1);
        }

        return count != 0;
    }

    private bool Execute(in DescriptorChain chain)
    {
        if (chain.ReadableBytes > NetControl.MaxLength)
        {
            return device.Refuse();
        }

        int length = 0;
        foreach (MemorySegment segment in _segments.AsSpan(0, chain.Readable))
        {
            segment.AsSpan().CopyTo(_command.AsSpan(length));
            length += segment.Length;
        }

        return device.Execute(_command.AsSpan(0, length));
    }
}
