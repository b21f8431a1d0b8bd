using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// The transmit side of a queue, for one thread: frames become descriptors, a batch at a time with one write of the tail, and one report of the controller says that
/// all of a batch is done.
/// </summary>
/// <remarks>
/// Positions are counters that never stop; the low bits are the index. The controller only ever says "done" of a descriptor, and that is all that is read of
/// the ring: nothing that it writes there chooses an index.
/// <code>
/// descriptors   _clean ............ _tail            at most the ring's size - 1 apart
/// frames        _reclaimed . _done ... _taken        at most the depth apart; tags of the first part wait to be given back
/// reports       _reportHead ...... _reportTail
/// </code>
/// </remarks>
internal sealed partial class TransmitRing<TChip> : IDisposable
    where TChip : struct, IChip
{
    /// <summary>Most segments of a frame.</summary>
    public const int MaxSegments = 32;

    /// <summary>Longest frame to be cut into segments.</summary>
    public const int MaxSegmentedLength = ushort.MaxValue;

    private const int MaxDescriptors = 4096;
    private const int FramesPerReport = 32;

    // With its check sequence a frame has at least 64 bytes; the controller pads those from 17 on ([8254x-SDM] 13.4 TCTL.PSP).
    private const int LeastPadded = 17;
    private const int LeastFrame = 14;
    private const int Padded = 60;

    private readonly DmaSpace _space;
    private readonly DmaMemory _memory;
    private readonly SharedMemory _ring;
    private readonly RegisterSpace _registers;
    private readonly NativeArray<int> _tags;
    private readonly NativeArray<TransmitReport> _reports;
    private readonly CopyArena _copies;
    private readonly int _size;
    private readonly int _depth;
    private readonly int _frameMask;
    private readonly int _maxFrame;
    private readonly uint _plainRange;
    private int _hint;
    private uint _tail;
    private uint _clean;
    private uint _taken;
    private uint _done;
    private uint _reclaimed;
    private uint _reportHead;
    private uint _reportTail;
    private uint _sent;
    private uint _bytes;
    private ulong _lastSecond;
    private ulong _context;
    private ulong _contextSecond;
    private bool _afterSegmentation;

    /// <summary>Makes the ring; the controller does not know it yet.</summary>
    /// <param name="space">Where the controller's DMA takes place.</param>
    /// <param name="registers">The ring's registers.</param>
    /// <param name="depth">Most frames at a time.</param>
    /// <param name="maxFrame">Longest frame that is not cut into segments, without its check sequence.</param>
    public TransmitRing(DmaSpace space, RegisterSpace registers, int depth, int maxFrame)
    {
        if (depth is < 1 or > MaxDescriptors / 2)
        {
            throw new ArgumentOutOfRangeException(nameof(depth), $"a transmit depth of {depth}; 1 to {MaxDescriptors / 2} are possible");
        }

        // Room for the longest frame, and for two descriptors of each other one.
        _size = (int)Math.Clamp(System.Numerics.BitOperations.RoundUpToPowerOf2((uint)depth * 2), 128, MaxDescriptors);
        _space = space;
        _registers = registers;
        _depth = depth;
        _maxFrame = maxFrame;
        _plainRange = (uint)(Math.Min(maxFrame, TChip.MaxDescriptorData) - LeastPadded);
        int frames = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)depth);
        _frameMask = frames - 1;
        _tags = new(frames);
        _reports = new(frames);
        _copies = new(space);
        _memory = space.Allocate((ulong)_size * TransmitDescriptor.Length);
        _ring = _memory.View(0, _size * TransmitDescriptor.Length);
    }

    /// <summary>Takes frames, from the first on.</summary>
    /// <returns>How many.</returns>
    public int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        uint tail = _tail;
        int taken = 0;
        while (taken < frames.Length)
        {
            int batch = Math.Min(frames.Length - taken, FramesPerReport);
            int count = Add(frames.Slice(taken, Math.Min(batch, _depth - (int)(_taken - _reclaimed))));
            taken += count;
            if (count < batch)
            {
                break;
            }
        }

        if (_tail != tail)
        {
            _registers.WriteUInt32(Register.RingTail, _tail & (uint)(_size - 1));
        }

        return taken;
    }

    /// <summary>Takes frames as <see cref="Transmit"/> does, and drops them.</summary>
    public int Drop(ReadOnlySpan<NetFrame> frames)
    {
        int count = Math.Min(frames.Length, _depth - (int)(_taken - _reclaimed));
        for (int i = 0; i < count; i++)
        {
            _tags[(int)_taken++ & _frameMask] = frames[i].Tag;
        }

        _errors += (uint)count;
        if (count > 0)
        {
            Report(TransmitReport.NoDescriptor);
        }

        return count;
    }

    /// <summary>Gives tags back.</summary>
    /// <returns>How many.</returns>
    public int Reclaim(Span<int> tags)
    {
        TakeReports();
        int count = (int)Math.Min((uint)tags.Length, _done - _reclaimed);
        for (int i = 0; i < count; i++)
        {
            tags[i] = _tags[(int)_reclaimed++ & _frameMask];
        }

        return count;
    }

    private int Add(ReadOnlySpan<NetFrame> frames)
    {
        uint tail = _tail;
        int i = 0;
        for (; i < frames.Length; i++)
        {
            ref readonly NetFrame frame = ref frames[i];
            if (frame.Data.Count != 1 || (frame.Offload.Flags & ~NetFrameFlags.ChecksumGood) != 0 || !TryAddPlain(frame.Data.AsSpan()[0], frame.Length))
            {
                if (!TryAddOther(frame))
                {
                    break;
                }
            }

            _tags[(int)_taken++ & _frameMask] = frame.Tag;
        }

        if (i > 0)
        {
            int last = TransmitReport.NoDescriptor;
            if (_tail != tail)
            {
                last = (int)(_tail - 1) & (_size - 1);
                _ring.ReleaseUInt64(Second(last), _lastSecond | TransmitDescriptor.ReportStatus);
            }

            Report(last);
        }

        return i;
    }

    // The frame of one piece that asks for nothing: most of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAddPlain(MemorySegment data, int length)
    {
        if (length != data.Length || (uint)(length - LeastPadded) > _plainRange
            || (TChip.ReportsEarlyAfterSegmentation && _afterSegmentation)
            || _tail - _clean >= (uint)(_size - 1)
            || !_space.TryTranslate(data.Address, length, ref _hint, out ulong iova))
        {
            return false;
        }

        Put(_tail++, iova, TransmitDescriptor.Data | TransmitDescriptor.EndOfPacket | (uint)length);
        _sent++;
        _bytes += (uint)length;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(uint position, ulong first, ulong second)
    {
        int index = (int)position & (_size - 1);
        _ring.ReleaseUInt64((nuint)index * TransmitDescriptor.Length, first);
        _ring.ReleaseUInt64(Second(index), second);
        _lastSecond = second;
    }

    private void Report(int descriptor)
    {
        _reports[(int)_reportTail & _frameMask] = new()
        {
            Descriptor = descriptor,
            Frames = _taken,
            Descriptors = _tail,
            Copies = _copies.Head,
            Sent = _sent,
            Bytes = _bytes,
        };
        _sent = 0;
        _bytes = 0;
        Volatile.Write(ref _reportTail, _reportTail + 1);
    }

    private void TakeReports()
    {
        while (_reportHead != _reportTail)
        {
            ref TransmitReport report = ref _reports[(int)_reportHead & _frameMask];
            if (!IsThere(report.Descriptor))
            {
                break;
            }

            _done = report.Frames;
            _clean = report.Descriptors;
            _copies.GiveBack(report.Copies);
            _frames += report.Sent;
            _totalBytes += report.Bytes;
            Volatile.Write(ref _reportHead, _reportHead + 1);
        }
    }

    private bool IsThere(int descriptor) =>
        descriptor == TransmitReport.NoDescriptor || (_ring.AcquireUInt64(Second(descriptor)) & TransmitDescriptor.Done) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Second(int index) => ((nuint)(uint)index * TransmitDescriptor.Length) + TransmitDescriptor.Second;
}
