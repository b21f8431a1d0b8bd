using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// A queue over one kind of ring. A request is three parts: header (16 bytes, read), data, status (1 byte, written). Headers and statuses are taken from
/// slots, one for each descriptor of the ring.
/// </summary>
internal sealed class BlkDriverQueueOf<TRing> : BlkDriverQueue
    where TRing : struct, IDriverRing<TRing>
{
    private const int HeaderLength = 16;

    /// <summary>Tokens of the ring from here on are those of raw buffers, which have no slot.</summary>
    private const uint RawTokens = 1u << 31;

    private readonly SharedMemory _headers;
    private readonly SharedMemory _statuses;
    private readonly ulong _headersAddress;
    private readonly ulong _statusesAddress;
    private readonly uint[] _tokens;
    private readonly uint[] _freeSlots;
    private readonly Dictionary<uint, uint> _rawTokens = [];
    private uint _nextRaw = RawTokens;
    private int _freeCount;
#pragma warning disable IDE0044 // A mutable struct: readonly would call its methods on copies.
    private TRing _ring;
#pragma warning restore IDE0044

    public BlkDriverQueueOf(int index, DriverRingSetup setup, GuestArena arena, ComponentHost host)
        : base(index, setup, host)
    {
        int slots = setup.Areas.Size;
        GuestBuffer headers = arena.Allocate(slots * HeaderLength, 64);
        GuestBuffer statuses = arena.Allocate(slots, 64);
        _headers = headers.AsShared();
        _statuses = statuses.AsShared();
        _headersAddress = headers.Address;
        _statusesAddress = statuses.Address;
        _tokens = new uint[slots];
        _freeSlots = new uint[slots];
        for (int i = 0; i < slots; i++)
        {
            _freeSlots[i] = (uint)(slots - 1 - i);
        }

        _freeCount = slots;
        _ring = TRing.Create(setup);
    }

    public override int Outstanding => _ring.Outstanding;

    public override RingPosition Position => _ring.Position;

    public override int Submit(ReadOnlySpan<BlkRequest> requests)
    {
        Span<GuestSegment> segments = stackalloc GuestSegment[3];
        int count = 0;
        foreach (ref readonly BlkRequest request in requests)
        {
            int data = 0;
            if (request.Data.Length != 0)
            {
                segments[1] = request.Data;
                data = 1;
            }

            if (!TryAdd(request.Type, request.Sector, segments[..(data + 2)], request.Token))
            {
                break;
            }

            count++;
        }

        Publish();
        return count;
    }

    public override bool Submit(BlkRequestType type, ulong sector, ReadOnlySpan<GuestSegment> data, uint token)
    {
        Span<GuestSegment> segments = data.Length <= 62 ? stackalloc GuestSegment[data.Length + 2] : new GuestSegment[data.Length + 2];
        data.CopyTo(segments[1..]);
        bool added = TryAdd(type, sector, segments, token);
        Publish();
        return added;
    }

    public override bool SubmitRaw(ReadOnlySpan<GuestSegment> segments, int readable, uint token)
    {
        if (!_ring.TryAdd(segments, readable, _nextRaw))
        {
            return false;
        }

        _rawTokens.Add(_nextRaw, token);
        _nextRaw = (_nextRaw + 1) | RawTokens;
        Publish();
        return true;
    }

    public override int Poll(Span<BlkResult> results)
    {
        int count = 0;
        while (count < results.Length && _ring.TryGetUsed(out uint slot, out uint written))
        {
            if (slot >= RawTokens)
            {
                _rawTokens.Remove(slot, out uint token);
                results[count++] = new BlkResult(token, BlkStatus.NotWritten, written);
                continue;
            }

            results[count++] = new BlkResult(_tokens[slot], (BlkStatus)_statuses.ReadByte(slot), written);
            _freeSlots[_freeCount++] = slot;
        }

        return count;
    }

    public override bool EnableCallbacks() => _ring.EnableCallbacks();

    public override void DisableCallbacks() => _ring.DisableCallbacks();

    private static bool IsRead(BlkRequestType type) => type is BlkRequestType.Read or BlkRequestType.GetId or BlkRequestType.GetLifetime;

    private bool TryAdd(BlkRequestType type, ulong sector, Span<GuestSegment> segments, uint token)
    {
        if (_freeCount == 0)
        {
            return false;
        }

        uint slot = _freeSlots[_freeCount - 1];
        nuint header = (nuint)slot * HeaderLength;
        _headers.ReleaseUInt64(header, (uint)type);
        _headers.ReleaseUInt64(header + 8, sector);
        _statuses.ReleaseByte(slot, (byte)BlkStatus.NotWritten);
        segments[0] = new GuestSegment(_headersAddress + header, HeaderLength);
        segments[^1] = new GuestSegment(_statusesAddress + slot, 1);
        if (!_ring.TryAdd(segments, IsRead(type) ? 1 : segments.Length - 1, slot))
        {
            return false;
        }

        _freeCount--;
        _tokens[slot] = token;
        return true;
    }

    private void Publish()
    {
        if (_ring.Publish())
        {
            Kicks++;
            Kick.Ring();
        }
    }
}
