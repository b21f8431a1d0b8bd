using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>
/// Serves the requests of one virtqueue from one queue of the block device below ([VIRTIO-1.3] 5.2.6). Everything is allocated at
/// start; a request is a slot, found by its tag, and the slot's segments.
/// </summary>
internal struct BlockQueueHandler : IQueueHandler
{
    /// <summary>Most buffers taken before finished ones are looked at again.</summary>
    private const int BatchSize = 64;

    /// <summary>Room for a request whose header or status straddles pieces, beyond its data.</summary>
    private const int SpareSegments = 10;

    /// <summary>Result of <see cref="Prepare"/>: the request goes to the device below. No status byte has this value.</summary>
    private const byte Pending = 0xff;

    private const int SegmentsPerSlot = BlockLimits.MaxSegments + SpareSegments;

    private readonly VirtioBlockDevice _device;
    private readonly BlockQueue _queue;
    private readonly BlockCounters _counters;
    private readonly NativeArray<BlockSlot> _slots;
    private readonly NativeArray<MemorySegment> _segments;
    private readonly NativeArray<int> _free;
    private readonly NativeArray<BlockRequest> _batch;
    private readonly NativeArray<BlockCompletion> _completions;
    private readonly GuestMemory _memory;
    private readonly DirtyLog? _dirtyLog;
    private readonly bool _flushNegotiated;
    private readonly bool _writeCacheNegotiated;
    private int _freeCount;

    public BlockQueueHandler(VirtioBlockDevice device, QueueSetup setup, BlockQueue queue, BlockCounters counters)
    {
        _device = device;
        _queue = queue;
        _counters = counters;
        _memory = setup.Memory;
        _dirtyLog = setup.DirtyLog;
        _flushNegotiated = (setup.Features & BlockFeatures.Flush) != 0;
        _writeCacheNegotiated = (setup.Features & BlockFeatures.ConfigWriteCache) != 0;
        int slots = setup.Size;
        _slots = new NativeArray<BlockSlot>(slots);
        _segments = new NativeArray<MemorySegment>(slots * SegmentsPerSlot);
        _free = new NativeArray<int>(slots);
        _batch = new NativeArray<BlockRequest>(BatchSize);
        _completions = new NativeArray<BlockCompletion>(BatchSize);
        for (_freeCount = 0; _freeCount < slots; _freeCount++)
        {
            _free[_freeCount] = slots - 1 - _freeCount;
        }
    }

    /// <inheritdoc/>
    public readonly Doorbell? Wakeup => _queue.Completions;

    /// <inheritdoc/>
    public readonly int Outstanding => _slots.Length - _freeCount;

    /// <inheritdoc/>
    public readonly long Arm() => Outstanding == 0 ? DoorbellWaiter.Forever : _queue.Arm();

    /// <inheritdoc/>
    public readonly void Dispose()
    {
        _queue.Dispose();
        _slots.Dispose();
        _segments.Dispose();
        _free.Dispose();
        _batch.Dispose();
        _completions.Dispose();
    }

    /// <inheritdoc/>
    public bool Process<TRing>(ref TRing ring, bool accept)
        where TRing : struct, IDeviceRing
    {
        bool popped = accept && Pop(ref ring);
        return Complete(ref ring) || popped;
    }

    private bool Pop<TRing>(ref TRing ring)
        where TRing : struct, IDeviceRing
    {
        BlockLimits limits = _device.Limits;
        Span<BlockRequest> batch = _batch.AsSpan();
        int count = 0;
        bool any = false;
        for (int taken = 0; taken < BatchSize && _freeCount != 0; taken++)
        {
            int tag = _free[_freeCount - 1];
            Span<MemorySegment> segments = _segments.AsSpan(tag * SegmentsPerSlot, SegmentsPerSlot);
            ref BlockSlot slot = ref _slots[tag];
            if (ring.TryPop(segments, out slot.Chain) != PopResult.Popped)
            {
                break;
            }

            any = true;
            if (!RequestLayout.TryParse(segments, slot.Chain, out RequestLayout layout))
            {
                // There is nowhere to write an error to; QEMU gives the queue up as well.
                ring.Break(RingFault.RequestTooShort);
                break;
            }

            slot.Status = layout.Status;
            byte status = Prepare(limits, segments, ref slot, in layout, ref batch[count]);
            if (status == Pending)
            {
                ref BlockRequest request = ref batch[count];
                request.Tag = tag;
                if (layout.Type <= BlockRequestType.Out)
                {
                    request.Data = request.Operation == BlockOperation.Read
                        ? ScatterList.Of(_segments, (tag * SegmentsPerSlot) + layout.FirstWritable, layout.EndWritable - layout.FirstWritable)
                        : ScatterList.Of(_segments, (tag * SegmentsPerSlot) + layout.FirstReadable, layout.FirstWritable - layout.FirstReadable);
                }

                _freeCount--;
                count++;
            }
            else
            {
                Finish(ref ring, tag, ref slot, status);
            }
        }

        if (count != 0)
        {
            _queue.Submit(batch[..count]);
        }

        return any;
    }

    private bool Complete<TRing>(ref TRing ring)
        where TRing : struct, IDeviceRing
    {
        bool any = false;
        while (Outstanding != 0)
        {
            Span<BlockCompletion> completions = _completions.AsSpan();
            int count = _queue.Poll(completions);
            if (count == 0)
            {
                break;
            }

            any = true;
            foreach (ref readonly BlockCompletion completion in completions[..count])
            {
                ref BlockSlot slot = ref _slots[completion.Tag];
                if (slot.FlushAfter && completion.Status == BlockStatus.Ok)
                {
                    slot.FlushAfter = false;
                    _counters.StableWrites++;
                    SubmitFlush(completion.Tag);
                    continue;
                }

                _free[_freeCount++] = completion.Tag;
                Finish(ref ring, completion.Tag, ref slot, (byte)completion.Status);
            }
        }

        return any;
    }

    /// <summary>Checks a request against every limit and turns it into one for the device below.</summary>
    /// <returns><see cref="Pending"/>, or the status with which the request ends at once.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte Prepare(
        BlockLimits limits, Span<MemorySegment> segments, ref BlockSlot slot, in RequestLayout layout, ref BlockRequest request)
    {
        if (layout.Type > BlockRequestType.Out)
        {
            return PrepareOther(limits, segments, ref slot, in layout, ref request);
        }

        bool write = layout.Type == BlockRequestType.Out;
        uint bytes = write ? layout.ReadableBytes : layout.WritableBytes;
        int count = write ? layout.FirstWritable - layout.FirstReadable : layout.EndWritable - layout.FirstWritable;
        uint sectors = bytes / BlockDevice.SectorSize;
        if (bytes % BlockDevice.SectorSize != 0 || bytes == 0 || count > BlockLimits.MaxSegments
            || !limits.Contains(layout.Sector, sectors) || (write && limits.IsReadOnly)
            || (write ? layout.WritableBytes : layout.ReadableBytes) != 0)
        {
            return BlockRequestStatus.IoError;
        }

        slot.DataBytes = bytes;
        slot.Operation = write ? BlockOperation.Write : BlockOperation.Read;
        slot.FlushAfter = write && IsWriteThrough();
        request.Operation = slot.Operation;
        request.Sector = layout.Sector;
        request.SectorCount = sectors;
        return Pending;
    }

    /// <summary>Whether writes are durable when they complete: the driver switched the cache off, or cannot flush ([VIRTIO-1.3] 5.2.6.2).</summary>
    private readonly bool IsWriteThrough() =>
        _writeCacheNegotiated ? !_device.IsWriteback : !_flushNegotiated && _device.HasVolatileCache;

    private readonly byte PrepareOther(
        BlockLimits limits, Span<MemorySegment> segments, ref BlockSlot slot, in RequestLayout layout, ref BlockRequest request)
    {
        slot.DataBytes = 0;
        slot.FlushAfter = false;
        request.Data = default;
        switch (layout.Type)
        {
            case BlockRequestType.Flush:
                slot.Operation = request.Operation = BlockOperation.Flush;
                request.Sector = 0;
                request.SectorCount = 0;
                return Pending;
            case BlockRequestType.GetId:
                return Answer(segments, ref slot, in layout, _device.Id);
            case BlockRequestType.GetLifetime when (limits.Features & BlockFeatures.Lifetime) != 0:
                return Answer(segments, ref slot, in layout, _device.Lifetime);
            case BlockRequestType.Discard when (limits.Features & BlockFeatures.Discard) != 0:
                return PrepareRange(limits, segments, BlockOperation.Discard, ref slot, in layout, ref request);
            case BlockRequestType.WriteZeroes when (limits.Features & BlockFeatures.WriteZeroes) != 0:
                return PrepareRange(limits, segments, BlockOperation.WriteZeroes, ref slot, in layout, ref request);
            case BlockRequestType.SecureErase when (limits.Features & BlockFeatures.SecureErase) != 0:
                return PrepareRange(limits, segments, BlockOperation.SecureErase, ref slot, in layout, ref request);
            default:
                return BlockRequestStatus.Unsupported;
        }
    }

    /// <summary>
    /// Reads struct virtio_blk_discard_write_zeroes { le64 sector; le32 num_sectors; le32 flags (bit 0: unmap) }, of which we take one a
    /// request (max_discard_seg and its like are 1).
    /// </summary>
    private readonly byte PrepareRange(
        BlockLimits limits, Span<MemorySegment> segments, BlockOperation operation, ref BlockSlot slot, in RequestLayout layout, ref BlockRequest request)
    {
        const int rangeLength = 16;
        const uint unmap = 1;
        if (limits.IsReadOnly || layout.ReadableBytes != rangeLength || layout.WritableBytes != 0)
        {
            return BlockRequestStatus.IoError;
        }

        Span<byte> range = stackalloc byte[rangeLength];
        int filled = 0;
        foreach (MemorySegment segment in segments[layout.FirstReadable..layout.FirstWritable])
        {
            segment.AsSpan().CopyTo(range[filled..]);
            filled += segment.Length;
        }

        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);

        // 5.2.6.2: reserved flags, and unmap on anything but write zeroes, are answered UNSUPP.
        if ((flags & ~unmap) != 0 || (flags != 0 && operation != BlockOperation.WriteZeroes))
        {
            return BlockRequestStatus.Unsupported;
        }

        if (count > BlockLimits.MaxRangeSectors || !limits.Contains(sector, count))
        {
            return BlockRequestStatus.IoError;
        }

        slot.Operation = flags != 0 ? BlockOperation.WriteZeroesUnmap : operation;
        slot.FlushAfter = operation == BlockOperation.WriteZeroes && IsWriteThrough();
        request.Operation = slot.Operation;
        request.Sector = sector;
        request.SectorCount = count;
        return count == 0 ? BlockRequestStatus.Ok : Pending;
    }

    /// <summary>Fills the data of a request that we answer ourselves; bytes beyond the answer are cleared.</summary>
    private static byte Answer(Span<MemorySegment> segments, ref BlockSlot slot, in RequestLayout layout, ReadOnlySpan<byte> answer)
    {
        if (layout.ReadableBytes != 0)
        {
            return BlockRequestStatus.IoError;
        }

        foreach (MemorySegment segment in segments[layout.FirstWritable..layout.EndWritable])
        {
            Span<byte> bytes = segment.AsSpan();
            int length = Math.Min(bytes.Length, answer.Length);
            answer[..length].CopyTo(bytes);
            bytes[length..].Clear();
            answer = answer[length..];
        }

        slot.DataBytes = layout.WritableBytes;
        slot.Operation = BlockOperation.Read;
        return BlockRequestStatus.Ok;
    }

    private readonly void SubmitFlush(int tag)
    {
        BlockRequest flush = new() { Tag = tag, Operation = BlockOperation.Flush };
        _queue.Submit(new ReadOnlySpan<BlockRequest>(in flush));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Finish<TRing>(ref TRing ring, int tag, ref BlockSlot slot, byte status)
        where TRing : struct, IDeviceRing
    {
        slot.Status.WriteByte(0, status);

        // The length says how many bytes were surely written from the start (2.7.8.2), so an error after data has none.
        uint written = 1;
        if (status == BlockRequestStatus.Ok)
        {
            written = Count(slot.Operation, slot.DataBytes) ? slot.DataBytes + 1 : 1;
        }
        else
        {
            _counters.Errors++;
            written = slot.Chain.WritableBytes == 1 ? 1u : 0;
        }

        if (_dirtyLog is not null)
        {
            MarkWritten(tag, slot.Chain, slot.Status);
        }

        ring.Push(in slot.Chain, written);
    }

    /// <summary>Counts a request that ended well.</summary>
    /// <returns>Whether it filled the guest's memory.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool Count(BlockOperation operation, uint bytes)
    {
        switch (operation)
        {
            case BlockOperation.Read:
                _counters.Reads++;
                _counters.ReadBytes += bytes;
                return true;
            case BlockOperation.Write:
                _counters.Writes++;
                _counters.WrittenBytes += bytes;
                return false;
            case BlockOperation.Flush:
                _counters.Flushes++;
                return false;
            default:
                _counters.Discards++;
                return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void MarkWritten(int tag, in DescriptorChain chain, MemorySegment status)
    {
        Mark(status);
        foreach (MemorySegment segment in _segments.AsSpan((tag * SegmentsPerSlot) + chain.Readable, chain.Writable))
        {
            Mark(segment);
        }
    }

    private readonly void Mark(MemorySegment segment)
    {
        if (segment.Length != 0 && _memory.TryFindGuestAddress(segment, out ulong address))
        {
            _dirtyLog!.Mark(address, (ulong)segment.Length);
        }
    }
}
