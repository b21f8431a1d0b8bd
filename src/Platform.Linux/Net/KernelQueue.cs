using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// The queue of a port whose other side is the kernel. Frames are handed over by system calls that copy them, so that they are done with at once; received frames fill chains of
/// buffers that hold the longest, and what is left of a chain is used for the next frame.
/// </summary>
internal abstract unsafe class KernelQueue : NetQueue
{
    /// <summary>Most frames a system call.</summary>
    internal const int Batch = 32;

    /// <summary>Longest frame that the kernel hands out: 64 KiB that it did not cut, behind Ethernet's header and a VLAN tag.</summary>
    internal const int MaxFrame = 65536 + 14 + 4;

    /// <summary>Most segments of a frame to transmit.</summary>
    internal const int MaxSegments = 64;

    private const int LeastFrame = 14;

    // Of each frame to transmit: what the kernel is told of it and, behind that, headers of its own.
    private const int HeaderSlot = VnetHeader.Length + SegmentedHeaders.MaxLength;
    private static readonly long _retryTicks = TimeProvider.System.TimestampFrequency / 5000;

    private readonly KernelPort _port;
    private readonly SafeFileHandle _handle;
    private readonly ReadableDoorbell _events;
    private readonly int _bufferLength;
    private readonly NativeArray<byte> _transmitHeaders = new(Batch * HeaderSlot);
    private readonly NativeArray<MemorySegment> _transmitSegments = new(Batch * (MaxSegments + 2));
    private readonly NativeArray<byte> _receiveHeaders;
    private readonly NativeArray<MemorySegment> _receiveSegments;
    private readonly NetBuffer[] _chain;
    private readonly Ring<NetBuffer> _buffers;
    private readonly Ring<NetReceived> _received;
    private readonly int _receiveBatch;
    private long _retryAt;
    private ulong _receivedFrames;
    private ulong _receivedBytes;
    private ulong _receiveErrors;
    private ulong _transmittedFrames;
    private ulong _transmittedBytes;
    private ulong _transmitErrors;
    private bool _isDisposed;

    private protected KernelQueue(KernelPort port, SafeFileHandle handle, NetQueueOptions options)
    {
        _port = port;
        _handle = handle;
        _bufferLength = options.ReceiveBufferLength;
        ChainLength = (MaxFrame + _bufferLength - 1) / _bufferLength;
        if (options.ReceiveDepth < ChainLength)
        {
            throw new ArgumentException(
                $"{options.ReceiveDepth} receive buffers of {_bufferLength} bytes; the kernel hands out frames of up to {MaxFrame} bytes, which need {ChainLength}", nameof(options));
        }

        _receiveBatch = Math.Min(Batch, options.ReceiveDepth / ChainLength);
        _receiveHeaders = new(Batch * VnetHeader.Length);
        _receiveSegments = new(_receiveBatch * (ChainLength + 1));
        _chain = new NetBuffer[_receiveBatch * ChainLength];
        _buffers = new(options.ReceiveDepth);
        _received = new(options.ReceiveDepth);
        _events = ReadableDoorbell.Of(handle);
        Descriptor = (int)handle.DangerousGetHandle();
    }

    /// <inheritdoc/>
    public override Doorbell? Events => _events;

    /// <inheritdoc/>
    public override bool CopiesFrames => true;

    /// <summary>The descriptor, which stays open while the queue is.</summary>
    private protected int Descriptor { get; }

    /// <summary>Buffers for the longest frame.</summary>
    private protected int ChainLength { get; }

    /// <summary>Most frames that one call receives.</summary>
    private protected int ReceiveBatch => _receiveBatch;

    /// <inheritdoc/>
    public override int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        if (_isDisposed)
        {
            return 0;
        }

        int taken = 0;
        while (taken < frames.Length)
        {
            ReadOnlySpan<NetFrame> batch = frames.Slice(taken, Math.Min(frames.Length - taken, Batch));
            int sent = TransmitBatch(batch);
            taken += sent;
            if (sent < batch.Length)
            {
                _retryAt = TimeProvider.System.GetTimestamp() + _retryTicks;
                break;
            }
        }

        return taken;
    }

    /// <inheritdoc/>
    public override int Supply(ReadOnlySpan<NetBuffer> buffers)
    {
        int taken = 0;
        for (; taken < buffers.Length && _buffers.Room != 0; taken++)
        {
            if (buffers[taken].Memory.Length != _bufferLength)
            {
                throw new ArgumentException($"a buffer of {buffers[taken].Memory.Length} bytes; the queue was opened for {_bufferLength}", nameof(buffers));
            }

            _buffers.Add(buffers[taken]);
        }

        return taken;
    }

    /// <inheritdoc/>
    public override int Receive(Span<NetReceived> frames)
    {
        int count = _received.Take(frames);
        while (count < frames.Length && Fill())
        {
            count += _received.Take(frames[count..]);
        }

        return count;
    }

    /// <inheritdoc/>
    public override long Arm()
    {
        if (_received.Count != 0)
        {
            return BlockQueue.Ready;
        }

        if (_buffers.Count >= ChainLength && !_isDisposed)
        {
            Libc.PollFd poll = new() { Fd = Descriptor, Events = Libc.POLLIN };
            if (Libc.PollNow(&poll, 1, 0) > 0 && (poll.ReturnedEvents & Libc.POLLIN) != 0)
            {
                return BlockQueue.Ready;
            }
        }

        long retryAt = _retryAt;
        _retryAt = 0;
        return retryAt == 0 ? DoorbellWaiter.Forever : retryAt;
    }

    /// <summary>What was counted.</summary>
    internal NetStatistics ReadStatistics() => new()
    {
        ReceivedFrames = Volatile.Read(ref _receivedFrames),
        ReceivedBytes = Volatile.Read(ref _receivedBytes),
        ReceiveErrors = Volatile.Read(ref _receiveErrors),
        TransmittedFrames = Volatile.Read(ref _transmittedFrames),
        TransmittedBytes = Volatile.Read(ref _transmittedBytes),
        TransmitErrors = Volatile.Read(ref _transmitErrors),
    };

    /// <summary>Sends frames.</summary>
    /// <returns>How many were sent, or refused and counted; fewer than given where the kernel has no room now.</returns>
    private protected abstract int TransmitBatch(ReadOnlySpan<NetFrame> frames);

    /// <summary>Receives frames into chains of segments, the first of each being for the kernel's header.</summary>
    /// <param name="chains">Number of chains, of <see cref="ChainLength"/> + 1 segments each.</param>
    /// <param name="segments">Their segments.</param>
    /// <param name="last">Told, frame by frame: its length with the header, a VLAN tag, and whether it is whole.</param>
    /// <returns>Number of frames.</returns>
    private protected abstract int ReceiveBatchInto(int chains, MemorySegment* segments, Span<ReceivedFrame> last);

    /// <summary>Prepares a frame for the kernel.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="slot">Which of a batch it is.</param>
    /// <param name="segments">What to hand over.</param>
    /// <returns>Number of segments; 0 where it cannot be sent.</returns>
    private protected int Prepare(in NetFrame frame, int slot, out MemorySegment* segments)
    {
        ReadOnlySpan<MemorySegment> data = frame.Data.AsSpan();
        byte* header = (byte*)_transmitHeaders.AsSegment(slot * HeaderSlot, HeaderSlot).Address;
        segments = (MemorySegment*)_transmitSegments.AsSegment(slot * (MaxSegments + 2), MaxSegments + 2).Address;
        if (data.Length is 0 or > MaxSegments || frame.Length < LeastFrame || frame.Data.TotalLength() != frame.Length
            || !VnetHeader.TryTell(frame.Offload, frame.Length, out VnetHeader told))
        {
            return 0;
        }

        *(VnetHeader*)header = told;
        int count = 0;
        int skip = 0;
        if (told.GsoType != VnetHeader.GsoNone)
        {
            skip = frame.Offload.HeaderLength;
            if (skip > SegmentedHeaders.MaxLength || !TryCopyHeaders(data, new Span<byte>(header + VnetHeader.Length, skip), frame))
            {
                return 0;
            }
        }

        segments[count++] = MemorySegment.UnsafeCreate((nint)header, VnetHeader.Length + skip);
        foreach (MemorySegment segment in data)
        {
            int skipped = Math.Min(skip, segment.Length);
            skip -= skipped;
            if (skipped < segment.Length)
            {
                segments[count++] = segment.Slice(skipped, segment.Length - skipped);
            }
        }

        return count;
    }

    /// <summary>Counts a frame that the kernel took.</summary>
    private protected void CountSent(int length)
    {
        _transmittedFrames++;
        _transmittedBytes += (uint)length;
    }

    /// <summary>Counts a frame that the kernel refused.</summary>
    private protected void CountRefused() => _transmitErrors++;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_isDisposed || !disposing)
        {
            return;
        }

        _isDisposed = true;
        _port.Close(this);
        _events.Dispose();
        _handle.Dispose();
        _transmitHeaders.Dispose();
        _transmitSegments.Dispose();
        _receiveHeaders.Dispose();
        _receiveSegments.Dispose();
    }

    private static bool TryCopyHeaders(ReadOnlySpan<MemorySegment> data, Span<byte> headers, in NetFrame frame)
    {
        int filled = 0;
        foreach (MemorySegment segment in data)
        {
            int length = Math.Min(headers.Length - filled, segment.Length);
            segment.AsSpan()[..length].CopyTo(headers[filled..]);
            filled += length;
        }

        return SegmentedHeaders.TryPrepare(headers, frame.Length, frame.Offload);
    }

    /// <summary>Has the kernel fill buffers.</summary>
    /// <returns>False where nothing came.</returns>
    private bool Fill()
    {
        int chains = Math.Min(_buffers.Count / ChainLength, _receiveBatch);
        if (chains == 0 || _isDisposed)
        {
            return false;
        }

        MemorySegment* segments = (MemorySegment*)_receiveSegments.AsSegment().Address;
        int stride = ChainLength + 1;
        for (int i = 0; i < chains; i++)
        {
            segments[i * stride] = _receiveHeaders.AsSegment(i * VnetHeader.Length, VnetHeader.Length);
            for (int j = 0; j < ChainLength; j++)
            {
                NetBuffer buffer = _buffers.Take();
                _chain[(i * ChainLength) + j] = buffer;
                segments[(i * stride) + 1 + j] = buffer.Memory;
            }
        }

        Span<ReceivedFrame> frames = stackalloc ReceivedFrame[Batch];
        int count = ReceiveBatchInto(chains, segments, frames);
        for (int i = 0; i < chains; i++)
        {
            int used = i < count ? Deliver(i, frames[i]) : 0;
            for (int j = used; j < ChainLength; j++)
            {
                _buffers.Add(_chain[(i * ChainLength) + j]);
            }
        }

        return count > 0;
    }

    /// <returns>Number of buffers that it filled.</returns>
    private int Deliver(int chain, in ReceivedFrame frame)
    {
        int left = frame.Length - VnetHeader.Length;
        if (left < LeastFrame || left > ChainLength * _bufferLength)
        {
            _receiveErrors++;
            return 0;
        }

        NetFrameOffload offload = default;
        if (frame.HasVlanTag)
        {
            offload.Flags |= NetFrameFlags.HasVlanTag;
            offload.VlanTag = frame.VlanTag;
        }

        int first = chain * ChainLength;
        VnetHeader told = MemoryMarshal.Read<VnetHeader>(_receiveHeaders.AsSpan(chain * VnetHeader.Length, VnetHeader.Length));
        if (!frame.IsWhole || !told.TryHear(_chain[first].Memory.AsSpan()[..Math.Min(left, _bufferLength)], left, ref offload))
        {
            // Its buffers were filled with what is of no use; they are used again.
            _receiveErrors++;
            return 0;
        }

        _receivedFrames++;
        _receivedBytes += (uint)left;
        int used = 0;
        while (left > 0)
        {
            int length = Math.Min(left, _bufferLength);
            left -= length;
            _received.Add(new NetReceived { Tag = _chain[first + used].Tag, Length = length, IsContinued = left != 0, Offload = left == 0 ? offload : default });
            used++;
        }

        return used;
    }

    /// <summary>What a system call said of a frame that it received.</summary>
    private protected struct ReceivedFrame
    {
        internal int Length;
        internal bool IsWhole;
        internal bool HasVlanTag;
        internal ushort VlanTag;
    }

    /// <summary>A queue of fixed size.</summary>
    private sealed class Ring<T>(int size)
        where T : unmanaged
    {
        private readonly T[] _items = new T[size];
        private int _head;

        internal int Count { get; private set; }

        internal int Room => _items.Length - Count;

        internal void Add(in T item)
        {
            int at = _head + Count++;
            _items[at >= _items.Length ? at - _items.Length : at] = item;
        }

        internal T Take()
        {
            T item = _items[_head];
            _head = _head + 1 == _items.Length ? 0 : _head + 1;
            Count--;
            return item;
        }

        internal int Take(Span<T> items)
        {
            int count = Math.Min(items.Length, Count);
            for (int i = 0; i < count; i++)
            {
                items[i] = Take();
            }

            return count;
        }
    }
}
