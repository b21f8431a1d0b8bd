using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// The receive side of a queue, for one thread: empty buffers go in, a batch at a time with one write of the tail, and come out in order with what the controller wrote.
/// </summary>
/// <remarks>
/// Positions are counters that never stop; the low bits are the index. Between <c>_head</c> and <c>_tail</c> the buffers are the controller's. Of a descriptor only its second
/// word is read, once: whether it is done, a length that is checked against the buffer's, and flags.
/// </remarks>
internal sealed partial class ReceiveRing<TChip> : IDisposable
    where TChip : struct, IChip
{
    private const int MaxDescriptors = 4096;
    private const int LeastDescriptors = 8;

    // In the place of the number of parts: the rest of a frame that was ended for being too long.
    private const int Skipping = -1;

    private readonly DmaSpace _space;
    private readonly DmaMemory _memory;
    private readonly DmaMemory _copyMemory;
    private readonly SharedMemory _ring;
    private readonly RegisterSpace _registers;
    private readonly NativeArray<ReceiveSlot> _slots;
    private readonly int _size;
    private readonly int _depth;
    private readonly int _bufferLength;
    private readonly int _usedLength;
    private readonly int _maxParts;
    private int _hint;
    private uint _head;
    private uint _tail;
    private int _parts;
    private uint _partBytes;
    private bool _isBroken;
    private bool _isCopied;

    /// <summary>Makes the ring; the controller does not know it yet.</summary>
    /// <param name="space">Where the controller's DMA takes place.</param>
    /// <param name="registers">The ring's registers.</param>
    /// <param name="depth">Most buffers at a time.</param>
    /// <param name="bufferLength">Length of each in bytes.</param>
    /// <param name="usedLength">How much of each the controller fills: one of its sizes.</param>
    /// <param name="maxFrame">Longest frame, without its check sequence.</param>
    public ReceiveRing(DmaSpace space, RegisterSpace registers, int depth, int bufferLength, int usedLength, int maxFrame)
    {
        if (depth is < 1 or >= MaxDescriptors)
        {
            throw new ArgumentOutOfRangeException(nameof(depth), $"a receive depth of {depth}; 1 to {MaxDescriptors - 1} are possible");
        }

        // One descriptor stays empty, as a full ring would look like an empty one.
        _size = (int)Math.Max(System.Numerics.BitOperations.RoundUpToPowerOf2((uint)depth + 1), LeastDescriptors);
        _space = space;
        _registers = registers;
        _depth = depth;
        _bufferLength = bufferLength;
        _usedLength = usedLength;
        _maxParts = (maxFrame / usedLength) + 1;
        _slots = new(_size);
        _copyMemory = space.Allocate((ulong)_size * (uint)usedLength);
        _memory = space.Allocate((ulong)_size * ReceiveDescriptor.Length);
        _ring = _memory.View(0, _size * ReceiveDescriptor.Length);
    }

    /// <summary>How much of each buffer the controller fills.</summary>
    public int UsedLength => _usedLength;

    /// <summary>Takes empty buffers, from the first on.</summary>
    /// <returns>How many.</returns>
    public int Supply(ReadOnlySpan<NetBuffer> buffers)
    {
        int count = (int)Math.Min((uint)buffers.Length, (uint)_depth - (_tail - _head));
        uint tail = _tail;
        for (int i = 0; i < count; i++)
        {
            MemorySegment memory = buffers[i].Memory;
            if (memory.Length < _bufferLength)
            {
                if (i == 0)
                {
                    ThrowTooShort(memory.Length);
                }

                count = i;
                break;
            }

            int index = (int)tail++ & (_size - 1);
            ref ReceiveSlot slot = ref _slots[index];
            slot.Tag = buffers[i].Tag;
            if (_space.TryTranslate(memory.Address, _usedLength, ref _hint, out ulong iova))
            {
                slot.CopyTo = default;
            }
            else
            {
                slot.CopyTo = memory;
                iova = CopyIova(index);
            }

            slot.Iova = iova;
            Put(index, iova);
        }

        if (count > 0)
        {
            _tail = tail;
            _registers.WriteUInt32(Register.RingTail, tail & (uint)(_size - 1));
        }

        return count;
    }

    /// <summary>Gives buffers back, in order.</summary>
    /// <returns>How many.</returns>
    public int Receive(Span<NetReceived> frames)
    {
        int count = 0;
        uint head = _head;
        uint left = _tail - head;
        for (; count < frames.Length && (uint)count < left; count++)
        {
            int index = (int)head & (_size - 1);
            ulong second = _ring.AcquireUInt64(Second(index));
            uint status = TChip.Status(second);
            if ((status & ReceiveDescriptor.Done) == 0)
            {
                break;
            }

            head++;
            ref NetReceived frame = ref frames[count];
            int length = TChip.ReceivedLength(second);
            frame.Tag = _slots[index].Tag;
            frame.Length = length;
            frame.Offload = default;
            if ((status & ReceiveDescriptor.EndOfPacket) != 0 && _parts == 0 && (uint)length <= (uint)_usedLength
                && (status & ReceiveDescriptor.FrameErrors) == 0 && _slots[index].CopyTo.Address == 0)
            {
                // The frame of one buffer, undamaged: most of them.
                frame.IsContinued = false;
                _frames++;
                _bytes += (uint)length;
                Describe(ref frame.Offload, status, second);
            }
            else
            {
                TakePart(ref frame, index, status, second);
            }
        }

        _head = head;
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Describe(ref NetFrameOffload offload, uint status, ulong second)
    {
        NetFrameFlags flags = NetFrameFlags.None;
        if ((status & (ReceiveDescriptor.TransportChecked | ReceiveDescriptor.IgnoreChecksum)) == ReceiveDescriptor.TransportChecked)
        {
            flags = (status & (ReceiveDescriptor.TransportError | ReceiveDescriptor.IpError)) == 0 ? NetFrameFlags.ChecksumGood : NetFrameFlags.ChecksumBad;
        }
        else if ((status & (ReceiveDescriptor.IpError | ReceiveDescriptor.IgnoreChecksum)) == ReceiveDescriptor.IpError)
        {
            flags = NetFrameFlags.ChecksumBad;
        }

        if ((status & ReceiveDescriptor.Vlan) != 0)
        {
            flags |= NetFrameFlags.HasVlanTag;
            offload.VlanTag = (ushort)(second >> ReceiveDescriptor.VlanShift);
        }

        offload.Flags = flags;
    }

    /// <summary>A part of a longer frame, a damaged frame, one that is copied, or nonsense.</summary>
    private void TakePart(ref NetReceived frame, int index, uint status, ulong second)
    {
        bool isEnd = (status & ReceiveDescriptor.EndOfPacket) != 0;
        if (_parts == Skipping)
        {
            frame.Length = 0;
            frame.IsContinued = false;
            frame.Offload.Flags = NetFrameFlags.Discarded;
            _parts = isEnd ? 0 : Skipping;
            return;
        }

        if (frame.Length > _usedLength)
        {
            // No controller writes more than the buffer's size: nothing it says of this frame is to be believed.
            frame.Length = 0;
            _isBroken = true;
        }

        _isBroken |= (status & ReceiveDescriptor.FrameErrors) != 0;
        _partBytes += (uint)frame.Length;
        frame.IsContinued = !isEnd && ++_parts < _maxParts;
        MemorySegment target = _slots[index].CopyTo;
        if (target.Address != 0)
        {
            CopySource(index).Slice(0, frame.Length).AsSpan().CopyTo(target.AsSpan());
            _isCopied = true;
        }

        if (frame.IsContinued)
        {
            return;
        }

        if (_isBroken || !isEnd)
        {
            frame.Offload.Flags = NetFrameFlags.Discarded;
            _errors++;
        }
        else
        {
            _frames++;
            _bytes += _partBytes;
            Describe(ref frame.Offload, status, second);
        }

        _parts = isEnd ? 0 : Skipping;
        _partBytes = 0;
        _isBroken = false;
        _copied += _isCopied ? 1UL : 0;
        _isCopied = false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(int index, ulong iova)
    {
        _ring.ReleaseUInt64((nuint)(uint)index * ReceiveDescriptor.Length, iova);
        _ring.ReleaseUInt64(Second(index), 0);
    }

    private ulong CopyIova(int index) => _copyMemory.Iova + ((uint)index * (ulong)_usedLength);

    private MemorySegment CopySource(int index) => _copyMemory.Slice((ulong)index * (uint)_usedLength, _usedLength);

    [DoesNotReturn]
    private void ThrowTooShort(int length) => throw new ArgumentException($"a buffer of {length} bytes; the queue was opened for {_bufferLength}", "buffers");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Second(int index) => ((nuint)(uint)index * ReceiveDescriptor.Length) + ReceiveDescriptor.Second;
}
