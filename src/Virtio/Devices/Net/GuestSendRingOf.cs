using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Takes what a guest sends out of one kind of ring. Each frame is copied once, into buffers of our own, and only the copy is looked at; the header is read once. The guest gets its
/// buffers back within the batch.
/// </summary>
internal sealed class GuestSendRingOf<TRing> : GuestSendRing
    where TRing : struct, IDeviceRing, IDisposable
{
    /// <summary>What a frame may be longer than the MTU: an Ethernet header and two VLAN tags.</summary>
    private const int HeadersBeyondMtu = NetHeader.EthernetLength + 8;

    private readonly BufferBatch _batch = new();
    private readonly ulong _features;
    private readonly int _headerLength;
#pragma warning disable IDE0044 // A mutable struct: readonly would call its methods on copies.
    private TRing _ring;
#pragma warning restore IDE0044

    // The frame that was given out in part.
    private DescriptorChain _chain;
    private NetFrameOffload _offload;
    private int _segment;
    private int _offset;
    private int _left;

    public GuestSendRingOf(QueueSetup setup, TRing ring, NetCounters counters)
        : base(setup, counters)
    {
        _ring = ring;
        _features = setup.Features;
        _headerLength = NetHeader.LengthFor(setup.Features);
        _ring.DisableNotifications();
    }

    /// <inheritdoc/>
    public override RingPosition Position => _ring.Position;

    /// <inheritdoc/>
    protected override RingFault RingFault => _ring.Fault;

    /// <inheritdoc/>
    public override bool EnableKicks()
    {
        if (!_ring.EnableNotifications())
        {
            return false;
        }

        _ring.DisableNotifications();
        return true;
    }

    /// <inheritdoc/>
    public override void DisableKicks() => _ring.DisableNotifications();

    /// <inheritdoc/>
    public override int Receive(BufferStore buffers, Span<NetReceived> frames, NetGuestState state, int mtu)
    {
        int count = 0;
        int finished = 0;
        while (count < frames.Length && buffers.Count != 0)
        {
            if (IsWithinFrame)
            {
                count += GoOn(_batch.Segments, buffers, frames[count..]);
                finished += IsWithinFrame ? 0 : 1;
                continue;
            }

            int popped = _batch.Pop(ref _ring, Math.Min(frames.Length - count, buffers.Count), out ushort sequence);
            if (popped != 0)
            {
                count += ReceiveBatch(popped, sequence, buffers, frames[count..], mtu + HeadersBeyondMtu, ref finished);
                continue;
            }

            if (_ring.TryPop(_batch.Segments, out DescriptorChain chain) != PopResult.Popped)
            {
                break;
            }

            count += Start(_batch.Segments, in chain, buffers, frames[count..], mtu + HeadersBeyondMtu);
            finished += IsWithinFrame ? 0 : 1;
        }

        if (finished != 0)
        {
            Publish(state.TransmitCoalescing, finished);
        }

        ReportFault();
        return count;
    }

    /// <inheritdoc/>
    public override void Finish()
    {
        if (IsWithinFrame)
        {
            IsWithinFrame = false;
            _ring.Push(in _chain, 0);
        }

        base.Finish();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _ring.Dispose();
        _batch.Dispose();
    }

    /// <inheritdoc/>
    protected override bool PublishRing() => _ring.Publish();

    /// <summary>Gives out what was popped. Where there is no room left, the rest is put back.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ReceiveBatch(int popped, ushort sequence, BufferStore buffers, Span<NetReceived> frames, int longest, ref int finished)
    {
        Span<TaggedSegment> singles = _batch.Singles[..popped];
        ReadOnlySpan<NetBuffer> supply = buffers.All;
        int header = _headerLength;
        int count = 0;
        long bytes = 0;
        int i = 0;
        for (; i < singles.Length && count < frames.Length && count < supply.Length; i++)
        {
            ref readonly TaggedSegment single = ref singles[i];
            ref readonly NetBuffer buffer = ref supply[supply.Length - 1 - count];
            MemorySegment source = single.Segment;
            int length = source.Length - header;
            if (single.IsWritable() || (uint)(length - NetHeader.EthernetLength) > (uint)(longest - NetHeader.EthernetLength) || length > buffer.Memory.Length)
            {
                break;
            }

            ulong first = source.ReadUInt64(0);
            uint second = source.ReadUInt32(8);
            Span<byte> copy = buffer.Memory.AsSpan()[..length];
            source.CopyTo(header, copy);
            ref NetReceived frame = ref frames[count];
            if (NetHeader.TryRead(first, second, copy, length, _features, out frame.Offload))
            {
                frame.Tag = buffer.Tag;
                frame.Length = length;
                frame.IsContinued = false;
                Flows?.Learn(copy, Pair);
                count++;
                bytes += length;
            }
            else
            {
                Counters.Malformed++;
            }
        }

        buffers.Take(count);
        Counters.Transmitted += count;
        Counters.TransmittedBytes += bytes;
        finished += i;
        _ring.PushRead(singles[..i], sequence);
        if (i < singles.Length && count < frames.Length && buffers.Count != 0)
        {
            // It gives itself back; those behind it come when it did.
            _ring.UnpopSingles(singles.Length - i - 1);
            DescriptorChain chain = singles[i].ToChain((ushort)(sequence + i));
            _batch.Segments[0] = singles[i].Segment;
            count += Start(_batch.Segments, in chain, buffers, frames[count..], longest);
            finished += IsWithinFrame ? 0 : 1;
            return count;
        }

        _ring.UnpopSingles(singles.Length - i);
        return count;
    }

    /// <summary>A frame in several pieces, or too long for one buffer, or none at all.</summary>
    /// <param name="segments">Pieces.</param>
    /// <param name="chain">The buffer.</param>
    /// <param name="buffers">Where it goes.</param>
    /// <param name="frames">Entries for its parts.</param>
    /// <param name="longest">Longest frame that is not to be cut, in bytes.</param>
    /// <returns>Number of entries written.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Start(Span<MemorySegment> segments, in DescriptorChain chain, BufferStore buffers, Span<NetReceived> frames, int longest)
    {
        if (chain.ReadableBytes < (uint)_headerLength)
        {
            // There is no header: QEMU gives the device up, too.
            _ring.Break(RingFault.RequestTooShort);
            return 0;
        }

        long length = (long)chain.ReadableBytes - _headerLength;
        Span<byte> header = stackalloc byte[NetHeader.LengthWithHash];
        _segment = 0;
        _offset = 0;
        Copy(segments, header[.._headerLength]);
        ulong first = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(header);
        uint second = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (length < NetHeader.EthernetLength || length > NetHeader.MaxFrameLength)
        {
            Drop(in chain);
            return 0;
        }

        ref readonly NetBuffer buffer = ref buffers.Peek();
        Span<byte> target = buffer.Memory.AsSpan();
        target = target[..(int)Math.Min(length, target.Length)];
        Copy(segments, target);
        if (!NetHeader.TryRead(first, second, target, (int)length, _features, out _offload)
            || (length > longest && _offload.SegmentSize == 0))
        {
            Drop(in chain);
            return 0;
        }

        Flows?.Learn(target, Pair);
        _chain = chain;
        _left = (int)length;
        IsWithinFrame = true;
        Counters.TransmittedBytes += length;
        Emit(buffers, target.Length, ref frames[0]);
        return 1;
    }

    /// <summary>Gives out the next parts of the frame.</summary>
    private int GoOn(Span<MemorySegment> segments, BufferStore buffers, Span<NetReceived> frames)
    {
        int count = 0;
        while (IsWithinFrame && count < frames.Length && buffers.Count != 0)
        {
            Span<byte> target = buffers.Peek().Memory.AsSpan();
            target = target[..Math.Min(_left, target.Length)];
            Copy(segments, target);
            Emit(buffers, target.Length, ref frames[count++]);
        }

        return count;
    }

    private void Emit(BufferStore buffers, int length, ref NetReceived frame)
    {
        _left -= length;
        frame.Tag = buffers.Peek().Tag;
        frame.Length = length;
        frame.IsContinued = _left != 0;
        frame.Offload = _left == 0 ? _offload : default;
        buffers.Take();
        if (_left == 0)
        {
            IsWithinFrame = false;
            Counters.Transmitted++;
            _ring.Push(in _chain, 0);
        }
    }

    private void Drop(in DescriptorChain chain)
    {
        Counters.Malformed++;
        _ring.Push(in chain, 0);
    }

    /// <summary>Copies the next bytes of the chain; there are as many.</summary>
    private void Copy(Span<MemorySegment> segments, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            Span<byte> source = segments[_segment].AsSpan()[_offset..];
            int length = Math.Min(source.Length, target.Length);
            source[..length].CopyTo(target);
            target = target[length..];
            _offset += length;
            if (_offset == segments[_segment].Length)
            {
                _segment++;
                _offset = 0;
            }
        }
    }
}
