using Makatea.Platform;
using Makatea.Virtio.Net;

namespace Makatea.Virtio.Testing;

/// <summary>A pair of queues over one kind of ring.</summary>
internal sealed class DriverNetQueueOf<TRing> : DriverNetQueue
    where TRing : struct, IDriverRing<TRing>
{
    private const int SlotLength = 2048;

    /// <summary>Most slots of one frame: 64 KiB and headers.</summary>
    private const int MaxSlots = 34;

    private const int None = -1;

    private readonly ComponentHost _host;
    private readonly ulong _features;
    private readonly ulong _mirrored;
    private readonly bool _mergeable;
    private readonly GuestBuffer _receiveSlots;
    private readonly GuestBuffer _transmitSlots;
    private readonly int[] _nextSlot;
    private readonly BufferStore _buffers;
    private readonly Doorbell _receiveKick;
    private readonly Doorbell _receiveCall;
    private readonly Doorbell _transmitKick;
    private readonly Doorbell _transmitCall;
    private TRing _receive;
    private TRing _transmit;
    private int _freeSlot;
    private int _freeCount;

    // A frame of which more parts are to come.
    private int _partsLeft;
    private bool _isBroken;
    private NetFrameOffload _offload;
    private long _partialBytes;

    private ulong _receivedFrames;
    private ulong _receivedBytes;
    private ulong _receiveErrors;
    private ulong _transmittedFrames;
    private ulong _transmittedBytes;
    private ulong _transmitErrors;

    public DriverNetQueueOf(GuestArena arena, ComponentHost host, ulong features, ushort size, NetQueueOptions options)
    {
        _host = host;
        _features = features;
        _mirrored = NetFeatures.Mirror(features);
        _mergeable = (features & NetFeatures.MergeableBuffers) != 0;
        int indirect = (features & VirtioFeatures.IndirectDescriptors) != 0 ? MaxSlots : 0;
        ReceiveSetup = DriverRingSetup.Allocate(arena, size, features);
        TransmitSetup = DriverRingSetup.Allocate(arena, size, features, indirect);
        _receiveSlots = arena.Allocate(size * SlotLength, 4096);
        _transmitSlots = arena.Allocate(size * SlotLength, 4096);
        _nextSlot = new int[size];
        _buffers = new BufferStore(options.ReceiveDepth);
        _receiveKick = _host.CreateDoorbell();
        _receiveCall = _host.CreateDoorbell();
        _transmitKick = _host.CreateDoorbell();
        _transmitCall = _host.CreateDoorbell();
        Start();
    }

    public override DriverRingSetup ReceiveSetup { get; }

    public override DriverRingSetup TransmitSetup { get; }

    public override (Doorbell Kick, Doorbell Call) ReceiveBells => (_receiveKick, _receiveCall);

    public override (Doorbell Kick, Doorbell Call) TransmitBells => (_transmitKick, _transmitCall);

    public override bool CopiesFrames => true;

    public override NetStatistics Statistics => new()
    {
        ReceivedFrames = _receivedFrames,
        ReceivedBytes = _receivedBytes,
        ReceiveErrors = _receiveErrors,
        TransmittedFrames = _transmittedFrames,
        TransmittedBytes = _transmittedBytes,
        TransmitErrors = _transmitErrors,
    };

    /// <summary>Bytes needed of a test guest's memory for a pair of queues.</summary>
    public static ulong MemoryFor(ushort size) => (ulong)size * ((2 * SlotLength) + (MaxSlots * 16) + 128) + (1 << 16);

    public override int Supply(ReadOnlySpan<NetBuffer> buffers) => _buffers.Add(buffers);

    public override int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        try
        {
            return TransmitAll(frames);
        }
        catch (DeviceMisbehavedException e)
        {
            Fail(e);
            return 0;
        }
    }

    public override int Receive(Span<NetReceived> frames)
    {
        TakeRestart();
        int count = 0;
        try
        {
            ReceiveAll(frames, ref count);
        }
        catch (DeviceMisbehavedException e)
        {
            Fail(e);
        }

        return count;
    }

    public override long Arm()
    {
        TakeRestart();
        try
        {
            if (_buffers.Count == 0 || HasFailed || !_receive.EnableCallbacks())
            {
                return DoorbellWaiter.Forever;
            }
        }
        catch (DeviceMisbehavedException e)
        {
            Fail(e);
            return DoorbellWaiter.Forever;
        }

        _receive.DisableCallbacks();
        return BlockQueue.Ready;
    }

    protected override void Reset()
    {
        ReceiveSetup.Areas.Clear();
        TransmitSetup.Areas.Clear();
        HasFailed = false;
        Start();
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _receiveKick.Dispose();
        _receiveCall.Dispose();
        _transmitKick.Dispose();
        _transmitCall.Dispose();
        _buffers.Dispose();
    }

    private int TransmitAll(ReadOnlySpan<NetFrame> frames)
    {
        Span<GuestSegment> segments = stackalloc GuestSegment[MaxSlots];
        int taken = 0;
        foreach (ref readonly NetFrame frame in frames)
        {
            int slots = (NetHeader.Length + frame.Length + SlotLength - 1) / SlotLength;
            if (slots > MaxSlots || !NetHeader.TryWrite(in frame.Offload, _mirrored, out ulong first, out uint second))
            {
                _transmitErrors++;
            }
            else if (!HasRoom(slots))
            {
                break;
            }
            else
            {
                Fill(in frame, first, second, segments[..slots]);
                _transmittedFrames++;
                _transmittedBytes += (ulong)frame.Length;
            }

            taken++;
        }

        if (_transmit.Publish())
        {
            _transmitKick.Ring();
        }

        return taken;
    }

    private void ReceiveAll(Span<NetReceived> frames, ref int count)
    {
        bool any = false;
        while (!HasFailed && count < frames.Length && _buffers.Count != 0 && _receive.TryGetUsed(out uint slot, out uint length))
        {
            any = true;
            if (TakePart(_receiveSlots.Slice((int)slot * SlotLength, SlotLength).AsSpan()[..(int)Math.Min(length, SlotLength)], ref frames[count]))
            {
                count++;
            }

            AddReceiveSlot((int)slot);
        }

        if (any && _receive.Publish())
        {
            _receiveKick.Ring();
        }
    }

    private void Start()
    {
        _receive = TRing.Create(ReceiveSetup);
        _transmit = TRing.Create(TransmitSetup);
        _transmit.DisableCallbacks();
        _isBroken |= _partsLeft != 0;
        _freeSlot = None;
        _freeCount = 0;
        for (int slot = _nextSlot.Length - 1; slot >= 0; slot--)
        {
            FreeSlot(slot);
            AddReceiveSlot(slot);
        }

        _receive.Publish();
    }

    private void AddReceiveSlot(int slot)
    {
        GuestSegment segment = _receiveSlots.Slice(slot * SlotLength, SlotLength).AsElement();
        _receive.TryAdd(new ReadOnlySpan<GuestSegment>(in segment), 0, (uint)slot);
    }

    private void FreeSlot(int slot)
    {
        _nextSlot[slot] = _freeSlot;
        _freeSlot = slot;
        _freeCount++;
    }

    private bool HasRoom(int slots)
    {
        int descriptors = _transmit.UseIndirect ? 1 : slots;
        while (_freeCount < slots || _transmit.Free < descriptors)
        {
            if (!_transmit.TryGetUsed(out uint token, out _))
            {
                return false;
            }

            for (int slot = (int)token; slot != None;)
            {
                int next = _nextSlot[slot];
                FreeSlot(slot);
                slot = next;
            }
        }

        return true;
    }

    private void Fill(in NetFrame frame, ulong first, uint second, Span<GuestSegment> segments)
    {
        int head = _freeSlot;
        ReadOnlySpan<MemorySegment> pieces = frame.Data.AsSpan();
        int piece = 0;
        int offset = 0;
        int left = frame.Length;
        int last = head;
        for (int i = 0; i < segments.Length; i++)
        {
            last = _freeSlot;
            _freeSlot = _nextSlot[last];
            _freeCount--;
            GuestBuffer slot = _transmitSlots.Slice(last * SlotLength, SlotLength);
            int filled = 0;
            if (i == 0)
            {
                slot.Segment.WriteUInt64(0, first);
                slot.Segment.WriteUInt32(8, second);
                filled = NetHeader.Length;
            }

            while (left != 0 && filled < SlotLength)
            {
                int length = Math.Min(Math.Min(pieces[piece].Length - offset, left), SlotLength - filled);
                pieces[piece].AsSpan().Slice(offset, length).CopyTo(slot.AsSpan()[filled..]);
                filled += length;
                left -= length;
                offset += length;
                if (offset == pieces[piece].Length)
                {
                    piece++;
                    offset = 0;
                }
            }

            segments[i] = new GuestSegment(slot.Address, (uint)filled);
        }

        _nextSlot[last] = None;
        _transmit.TryAdd(segments, segments.Length, (uint)head);
    }

    /// <summary>Takes one buffer that the device filled.</summary>
    /// <returns>Whether it is given on.</returns>
    private bool TakePart(ReadOnlySpan<byte> part, ref NetReceived received)
    {
        bool isFirst = _partsLeft == 0 && !_isBroken;
        if (isFirst)
        {
            // One that is too short to be anything is dropped before it began.
            if (part.Length < NetHeader.Length + NetHeader.EthernetLength || !TryStart(part))
            {
                _receiveErrors++;
                return false;
            }

            part = part[NetHeader.Length..];
        }

        NetBuffer buffer = _buffers.Peek();
        Span<byte> target = buffer.Memory.AsSpan();
        _isBroken |= part.Length > target.Length;
        part = part[..Math.Min(part.Length, target.Length)];
        part.CopyTo(target);
        _partialBytes += part.Length;
        _partsLeft = _isBroken ? 0 : _partsLeft - 1;
        received.Tag = buffer.Tag;
        received.Length = part.Length;
        received.IsContinued = _partsLeft != 0;
        received.Offload = default;
        _buffers.Take();
        if (_partsLeft == 0)
        {
            received.Offload = _isBroken ? new NetFrameOffload { Flags = NetFrameFlags.Discarded } : _offload;
            _receivedFrames += _isBroken ? 0u : 1;
            _receivedBytes += _isBroken ? 0 : (ulong)_partialBytes;
            _receiveErrors += _isBroken ? 1u : 0;
            _isBroken = false;
        }

        return true;
    }

    private bool TryStart(ReadOnlySpan<byte> part)
    {
        ulong first = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(part);
        uint second = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(part[8..]);
        uint buffers = second >> 16;
        ReadOnlySpan<byte> frame = part[NetHeader.Length..];
        if (buffers == 0 || buffers > MaxSlots || (buffers > 1 && !_mergeable)
            || !NetHeader.TryRead(first, second, frame, frame.Length, _mirrored, out _offload))
        {
            return false;
        }

        const ulong DataValid = 2;
        if ((first & DataValid) != 0 && (_features & NetFeatures.GuestChecksum) != 0)
        {
            _offload.Flags |= NetFrameFlags.ChecksumGood;
        }

        _partsLeft = (int)buffers;
        _partialBytes = 0;
        return true;
    }
}
