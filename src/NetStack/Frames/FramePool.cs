using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// A fixed number of buffers for frames in one memory, for one thread. A frame is the number of its first buffer; longer ones go on in further buffers. All headers are in the first part, and
/// who finds that they are not has a malformed frame.
/// </summary>
/// <remarks>
/// Every buffer has one owner: the pool (free), whoever runs on the thread, or a queue that it was handed to. That is written down, so that what a queue held comes back when the queue is closed, and a
/// buffer that is given back twice is found where it happens. What is known of frames is kept apart from the memory, which devices write.
/// </remarks>
public sealed class FramePool : IDisposable
{
    /// <summary>Length of a buffer in bytes.</summary>
    public const int BufferLength = 2048;

    /// <summary>Most parts of a frame: 64 KiB of IP packet and its Ethernet header.</summary>
    public const int MaxParts = 33;

    /// <summary>Longest frame in bytes.</summary>
    public const int MaxLength = MaxParts * BufferLength;

    /// <summary>No frame.</summary>
    public const int None = -1;

    private const short Nobody = 0;
    private const short Thread = 1;

    private readonly MemorySegment _bytes;
    private readonly NativeArray<FrameInfo> _infos;

    // The scatter list of each frame is at its first buffer's place: a queue may read it until it gives the frame back. Those of one part, which are most, lie close together.
    private readonly NativeArray<MemorySegment> _single;
    private readonly NativeArray<MemorySegment> _segments;
    private readonly NativeArray<int> _free;
    private int _freeCount;

    /// <summary>Makes a pool of all of a memory.</summary>
    /// <param name="memory">The memory; it stays the caller's and outlives the pool.</param>
    public FramePool(MappedMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Memory = memory;
        Count = (int)Math.Min(memory.Length / BufferLength, int.MaxValue / BufferLength);
        _bytes = memory.Slice(0, Count * BufferLength);
        _infos = new(Count);
        _single = new(Count);
        _segments = new(Count * MaxParts);
        _free = new(Count);
        for (int i = Count - 1; i >= 0; i--)
        {
            _free[_freeCount++] = i;
        }
    }

    /// <summary>Where the buffers are.</summary>
    public MappedMemory Memory { get; }

    /// <summary>Number of buffers.</summary>
    public int Count { get; }

    /// <summary>Number of free ones.</summary>
    public int Available => _freeCount;

    /// <summary>What is known of a frame.</summary>
    public ref FrameInfo this[int frame]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref _infos[frame];
    }

    /// <summary>Takes a free buffer: a frame of one part and no bytes.</summary>
    /// <returns>The frame, or <see cref="None"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Rent()
    {
        int frame = RentFor(0);
        if (frame != None)
        {
            ref FrameInfo info = ref _infos[frame];
            info.PartLength = 0;
            info.Length = 0;
            info.Offload = default;
        }

        return frame;
    }

    /// <summary>Takes a free buffer for a queue to receive into, which says what is in it.</summary>
    /// <param name="owner">The queue's number, from 1; 0 for the thread.</param>
    /// <returns>The buffer, or <see cref="None"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int RentFor(int owner)
    {
        if (_freeCount == 0)
        {
            return None;
        }

        int buffer = _free[--_freeCount];
        ref FrameInfo info = ref _infos[buffer];
        info.Owner = (short)(owner + Thread);
        info.Parts = 1;
        return buffer;
    }

    /// <summary>Gives a frame back, with all its parts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(int frame)
    {
        int parts = _infos[frame].Parts;
        int next = FreeOne(frame);
        while (--parts > 0)
        {
            next = FreeOne(next);
        }
    }

    /// <summary>Gives frames back, with all their parts.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Free(ReadOnlySpan<int> frames)
    {
        Span<FrameInfo> infos = _infos.AsSpan();
        Span<int> free = _free.AsSpan()[_freeCount..];
        int i = 0;
        for (; i < frames.Length; i++)
        {
            int frame = frames[i];
            ref FrameInfo info = ref infos[frame];
            if (info.Owner != Thread || info.Parts != 1)
            {
                break;
            }

            info.Owner = Nobody;
            free[i] = frame;
        }

        _freeCount += i;
        foreach (int frame in frames[i..])
        {
            Free(frame);
        }
    }

    /// <summary>The filled bytes of the first part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> Head(int frame) => _bytes.Slice(frame * BufferLength, _infos[frame].PartLength).AsSpan();

    /// <summary>All bytes of one buffer, filled or not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> Buffer(int buffer) => Segment(buffer).AsSpan();

    /// <summary>The buffer after <paramref name="part"/> of a frame, whose last part it is not.</summary>
    public int NextPart(int part) => _infos[part].Next;

    /// <summary>Says how long a frame of one part is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetLength(int frame, int length)
    {
        ref FrameInfo info = ref _infos[frame];
        info.PartLength = (ushort)length;
        info.Length = length;
    }

    /// <summary>Puts another buffer behind a frame. It is the frame's from here on.</summary>
    /// <param name="frame">The frame, of less than <see cref="MaxParts"/>.</param>
    /// <param name="last">Its last part.</param>
    /// <param name="part">The buffer, with the length of its part.</param>
    public void Append(int frame, int last, int part)
    {
        _infos[last].Next = part;
        ref FrameInfo info = ref _infos[frame];
        info.Parts++;
        info.Length += _infos[part].PartLength;
    }

    /// <summary>Cuts a frame's end off.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="length">What its length is to be: no more than it is.</param>
    internal void Shorten(int frame, int length)
    {
        ref FrameInfo info = ref _infos[frame];
        info.Length = length;
        int part = frame;
        for (int left = info.Parts; ; part = _infos[part].Next)
        {
            left--;
            ref FrameInfo piece = ref _infos[part];
            if (length > piece.PartLength)
            {
                length -= piece.PartLength;
                continue;
            }

            piece.PartLength = (ushort)length;
            info.Parts -= (ushort)left;
            for (int next = piece.Next; left > 0; left--)
            {
                next = FreeOne(next);
            }

            return;
        }
    }

    /// <summary>Makes a frame one of a single part that asks for nothing, to be written anew.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="length">What its length is to be; what it held in that many bytes stays.</param>
    internal void Reset(int frame, int length)
    {
        ref FrameInfo info = ref _infos[frame];
        if (info.Parts > 1)
        {
            Shorten(frame, 1);
        }

        info.PartLength = (ushort)length;
        info.Length = length;
        info.Offload = default;
    }

    /// <summary>Puts a buffer behind the first part of a frame, with bytes that were that part's last. It is the frame's from here on.</summary>
    internal void Insert(int frame, int part)
    {
        ref FrameInfo info = ref _infos[frame];
        _infos[part].Next = info.Next;
        info.Next = part;
        info.Parts++;
        info.PartLength -= _infos[part].PartLength;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _infos.Dispose();
        _single.Dispose();
        _segments.Dispose();
        _free.Dispose();
    }

    /// <summary>A whole buffer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal MemorySegment Segment(int buffer) => _bytes.Slice(buffer * BufferLength, BufferLength);

    /// <summary>What is known of all buffers; for loops over batches.</summary>
    internal Span<FrameInfo> Infos
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _infos.AsSpan();
    }

    /// <summary>The parts of a frame as a scatter list, which stays as it is until this is called again for the same frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ScatterList Scatter(int frame, ref readonly FrameInfo info)
    {
        if (info.Parts != 1)
        {
            return ScatterParts(frame);
        }

        _single[frame] = _bytes.Slice(frame * BufferLength, info.PartLength);
        return ScatterList.Of(_single, frame, 1);
    }

    /// <summary>Hands a buffer that the thread has to a queue.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandTo(int owner, int buffer, ref FrameInfo info)
    {
        if (info.Owner != Thread)
        {
            ThrowNotOwned(buffer, info.Owner);
        }

        info.Owner = (short)(owner + Thread);
    }

    /// <summary>Takes a buffer back from a queue.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TakeFrom(int owner, int buffer, ref FrameInfo info)
    {
        if (info.Owner != (short)(owner + Thread))
        {
            ThrowNotOwned(buffer, info.Owner);
        }

        info.Owner = Thread;
    }

    /// <summary>Gives back all that a queue had which was closed.</summary>
    internal void FreeAll(int owner)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_infos[i].Owner == (short)(owner + Thread))
            {
                _infos[i].Owner = Thread;
                Free(i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FreeOne(int buffer)
    {
        ref FrameInfo info = ref _infos[buffer];
        if (info.Owner != Thread)
        {
            ThrowNotOwned(buffer, info.Owner);
        }

        info.Owner = Nobody;
        _free[_freeCount++] = buffer;
        return info.Next;
    }

    private ScatterList ScatterParts(int frame)
    {
        int parts = _infos[frame].Parts;
        int part = frame;
        for (int i = 0; i < parts; i++)
        {
            _segments[(frame * MaxParts) + i] = _bytes.Slice(part * BufferLength, _infos[part].PartLength);
            part = _infos[part].Next;
        }

        return ScatterList.Of(_segments, frame * MaxParts, parts);
    }

    [DoesNotReturn]
    private static void ThrowNotOwned(int buffer, short owner) => throw new InvalidOperationException(
        owner == Nobody ? $"buffer {buffer} is free already" : $"buffer {buffer} is {(owner == Thread ? "the thread's" : $"with queue {owner - Thread}")}, not with who gives it back");
}
