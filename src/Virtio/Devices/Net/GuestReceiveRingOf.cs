using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Puts frames into the buffers that a guest supplied in one kind of ring. Each is copied once. A frame that does not fit the first buffer goes on in the next where
/// VIRTIO_NET_F_MRG_RXBUF was negotiated ([VIRTIO-1.3] 5.1.6.4); where there are not enough, none of them is used.
/// </summary>
internal sealed class GuestReceiveRingOf<TRing> : GuestReceiveRing
    where TRing : struct, IDeviceRing, IDisposable
{
    /// <summary>Most buffers of a frame.</summary>
    private const int MaxSegments = BufferBatch.MaxSegments;

    private readonly BufferBatch _batch = new();
    private readonly NativeArray<DescriptorChain> _chains = new(MaxSegments);
    private readonly GuestMemory _memory;
    private readonly DirtyLog? _dirtyLog;
    private readonly int _headerLength;
    private readonly bool _mergeable;
#pragma warning disable IDE0044 // A mutable struct: readonly would call its methods on copies.
    private TRing _ring;
#pragma warning restore IDE0044

    public GuestReceiveRingOf(QueueSetup setup, TRing ring, NetCounters counters)
        : base(setup, counters)
    {
        _ring = ring;
        _memory = setup.Memory;
        _dirtyLog = setup.DirtyLog;
        _headerLength = NetHeader.LengthFor(setup.Features);
        _mergeable = (setup.Features & NetFeatures.MergeableBuffers) != 0;
        _ring.DisableNotifications();
    }

    /// <inheritdoc/>
    public override RingPosition Position => _ring.Position;

    /// <inheritdoc/>
    protected override RingFault RingFault => _ring.Fault;

    /// <inheritdoc/>
    public override bool EnableKicks() => false;

    /// <inheritdoc/>
    public override void DisableKicks()
    {
    }

    /// <inheritdoc/>
    public override void Transmit(ReadOnlySpan<NetFrame> frames, NetGuestState state, uint hash, ushort report)
    {
        NetReceiveFilter? filter = state.Filter.IsOpen ? null : state.Filter;
        bool isPlain = _headerLength == NetHeader.Length && _dirtyLog is null;
        while (!frames.IsEmpty)
        {
            ushort sequence = 0;
            int popped = isPlain ? _batch.Pop(ref _ring, frames.Length, out sequence) : 0;
            if (popped != 0)
            {
                frames = frames[TransmitBatch(frames, popped, sequence, state.Offloads, filter, hash, report)..];
                continue;
            }

            if (_ring.TryPop(_batch.Segments, out DescriptorChain chain) != PopResult.Popped)
            {
                Counters.NoBuffer += frames.Length;
                break;
            }

            ref readonly NetFrame frame = ref frames[0];
            if (IsForGuest(in frame, filter, state.Offloads, out ulong first, out uint second))
            {
                TransmitPieces(in frame, in chain, first, second, hash, report);
            }
            else
            {
                _ring.Unpop(in chain);
            }

            frames = frames[1..];
        }

        ReportFault();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _ring.Dispose();
        _batch.Dispose();
        _chains.Dispose();
    }

    /// <inheritdoc/>
    protected override bool PublishRing() => _ring.Publish();

    /// <summary>Puts frames into buffers of one descriptor each that were popped. Buffers that are not used are put back.</summary>
    /// <returns>How many frames are done with.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TransmitBatch(
        ReadOnlySpan<NetFrame> frames, int popped, ushort sequence, ulong offloads, NetReceiveFilter? filter, uint hash, ushort report)
    {
        Span<TaggedSegment> singles = _batch.Singles[..popped];
        int used = 0;
        long bytes = 0;
        int done = 0;
        while (done < frames.Length && used < singles.Length)
        {
            ref readonly NetFrame frame = ref frames[done++];
            if (!IsForGuest(in frame, filter, offloads, out ulong first, out uint second))
            {
                continue;
            }

            ref TaggedSegment single = ref singles[used];
            ReadOnlySpan<MemorySegment> data = frame.Data.AsSpan();
            int needed = NetHeader.Length + frame.Length;
            if (!single.IsWritable() || single.Length < needed || data.Length != 1)
            {
                // It may need others, which are those that follow.
                _ring.PushWritten(singles[..used], sequence);
                _ring.UnpopSingles(singles.Length - used - 1);
                _batch.Segments[0] = single.Segment;
                DescriptorChain chain = single.ToChain((ushort)(sequence + used));
                Count(used, bytes);
                TransmitPieces(in frame, in chain, first, second, hash, report);
                return done;
            }

            MemorySegment target = single.Segment;
            target.WriteUInt64(0, first);
            target.WriteUInt32(8, second | (1 << 16));
            data[0].CopyTo(0, target.AsSpan().Slice(NetHeader.Length, frame.Length));
            single.Shorten(needed);
            used++;
            bytes += frame.Length;
        }

        _ring.PushWritten(singles[..used], sequence);
        _ring.UnpopSingles(singles.Length - used);
        Count(used, bytes);
        return done;
    }

    /// <summary>Whether the guest takes a frame; where it does not, that is counted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsForGuest(in NetFrame frame, NetReceiveFilter? filter, ulong offloads, out ulong first, out uint second)
    {
        if (filter is not null && !filter.Takes(frame.Data.AsSpan()[0].AsSpan()))
        {
            Counters.Filtered++;
            first = second = 0;
            return false;
        }

        if (!NetHeader.TryWrite(in frame.Offload, offloads, out first, out second))
        {
            Counters.Unwanted++;
            return false;
        }

        return true;
    }

    private void Count(int frames, long bytes)
    {
        Counters.Received += frames;
        Counters.ReceivedBytes += bytes;
    }

    /// <summary>A frame in several pieces, for a buffer in several or several buffers, or whose writing is logged. It is dropped and counted where that cannot be.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="chain">The first buffer, whose pieces are in the batch.</param>
    /// <param name="first">The first 8 bytes of its header.</param>
    /// <param name="second">The next 4, without the number of buffers.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="report">What was hashed.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TransmitPieces(in NetFrame frame, in DescriptorChain chain, ulong first, uint second, uint hash, ushort report)
    {
        Span<MemorySegment> segments = _batch.Segments;
        if (chain.WritableBytes < (uint)_headerLength)
        {
            // Not even a header fits: QEMU gives the device up, too.
            _ring.Break(RingFault.RequestTooShort);
            Counters.NoBuffer++;
            return;
        }

        long needed = _headerLength + frame.Length;
        int buffers = Gather(segments, in chain, needed);
        if (buffers == 0)
        {
            return;
        }

        Span<byte> header = stackalloc byte[NetHeader.LengthWithHash];
        header.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(header, first);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], second | ((uint)buffers << 16));
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], hash);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], report);
        Writer writer = new(segments, _chains.AsSpan(0, buffers));
        writer.Write(header[.._headerLength]);
        int left = frame.Length;
        foreach (ref readonly MemorySegment piece in frame.Data.AsSpan())
        {
            int length = Math.Min(piece.Length, left);
            writer.Write(piece.AsSpan()[..length]);
            left -= length;
        }

        for (int i = 0; i < buffers; i++)
        {
            ref DescriptorChain filled = ref _chains[i];
            uint written = (uint)Math.Min(needed, filled.WritableBytes);
            _ring.Push(in filled, written);
            needed -= written;
        }

        if (_dirtyLog is not null)
        {
            MarkWritten(segments, buffers);
        }

        Count(1, frame.Length);
    }

    /// <summary>Pops as many more buffers as a frame needs.</summary>
    /// <returns>Number of buffers; 0 where there are not enough, and then none is taken.</returns>
    private int Gather(Span<MemorySegment> segments, in DescriptorChain chain, long needed)
    {
        _chains[0] = chain;
        long room = chain.WritableBytes;
        int count = 1;
        int used = chain.Readable + chain.Writable;
        while (room < needed)
        {
            PopResult result = PopResult.Empty;
            DescriptorChain next = default;
            if (_mergeable && count < MaxSegments)
            {
                result = _ring.TryPop(segments[used..], out next);
            }

            if (result != PopResult.Popped)
            {
                // Also where the ring broke: it is the driver that has to make good what it did to its buffers.
                while (count > 0)
                {
                    _ring.Unpop(in _chains[--count]);
                }

                (_mergeable ? ref Counters.NoBuffer : ref Counters.Unwanted)++;
                return 0;
            }

            _chains[count++] = next;
            room += next.WritableBytes;
            used += next.Readable + next.Writable;
        }

        return count;
    }

    private void MarkWritten(Span<MemorySegment> segments, int buffers)
    {
        int at = 0;
        foreach (ref readonly DescriptorChain chain in _chains.AsSpan(0, buffers))
        {
            foreach (MemorySegment segment in segments.Slice(at + chain.Readable, chain.Writable))
            {
                if (_memory.TryFindGuestAddress(segment, out ulong address))
                {
                    _dirtyLog!.Mark(address, (ulong)segment.Length);
                }
            }

            at += chain.Readable + chain.Writable;
        }
    }

    /// <summary>Writes one after another into the writable segments of several chains, whose segments follow each other.</summary>
    private ref struct Writer(Span<MemorySegment> segments, ReadOnlySpan<DescriptorChain> chains)
    {
        private readonly Span<MemorySegment> _segments = segments;
        private readonly ReadOnlySpan<DescriptorChain> _chains = chains;
        private int _chain = 0;
        private int _start = 0;
        private int _segment = chains[0].Readable;
        private int _offset = 0;

        public void Write(scoped ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                ref readonly DescriptorChain chain = ref _chains[_chain];
                int end = _start + chain.Readable + chain.Writable;
                if (_segment == end)
                {
                    _start = end;
                    _chain++;
                    _segment = end + _chains[_chain].Readable;
                    continue;
                }

                Span<byte> target = _segments[_segment].AsSpan()[_offset..];
                int length = Math.Min(target.Length, bytes.Length);
                bytes[..length].CopyTo(target);
                bytes = bytes[length..];
                _offset += length;
                if (_offset == _segments[_segment].Length)
                {
                    _segment++;
                    _offset = 0;
                }
            }
        }
    }
}
