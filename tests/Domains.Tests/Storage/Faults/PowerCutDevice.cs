using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>
/// A device with a volatile cache, as spiteful as it may be: of the sectors written since they were last flushed, a power cut keeps whichever it likes, in any order.
/// A flush makes durable what completed before it was submitted and not a sector more.
/// </summary>
public sealed class PowerCutDevice : BlockDevice
{
    private readonly Lock _gate = new();
    private readonly byte[] _durable;
    private readonly byte[] _current;
    private readonly List<(long Order, int Sector, byte[] Data)> _cached = [];
    private long _order;

    public PowerCutDevice(byte[] image)
    {
        _durable = image;
        _current = [.. image];
        Info = new BlockDeviceInfo { SectorCount = (ulong)(image.Length / SectorSize), SupportsWriteZeroes = true, DiscardGranularity = 512 };
    }

    public override BlockDeviceInfo Info { get; }

    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new Queue(this, depth);

    /// <summary>What is left after a power cut now.</summary>
    public byte[] Cut(Random random)
    {
        lock (_gate)
        {
            byte[] left = [.. _durable];
            foreach ((_, int sector, byte[] data) in _cached)
            {
                if (random.Next(2) == 0)
                {
                    data.CopyTo(left, sector * SectorSize);
                }
            }

            return left;
        }
    }

    protected override void Dispose(bool disposing)
    {
    }

    private void Execute(in BlockRequest request)
    {
        int sector = (int)request.Sector;
        Span<byte> stored = _current.AsSpan(sector * SectorSize, (int)request.SectorCount * SectorSize);
        switch (request.Operation)
        {
            case BlockOperation.Read:
                Copy(request.Data, stored, toDevice: false);
                return;
            case BlockOperation.Write:
                Copy(request.Data, stored, toDevice: true);
                break;
            case BlockOperation.Flush:
                return;
            default:
                stored.Clear();
                break;
        }

        _order++;
        for (int i = 0; i < request.SectorCount; i++)
        {
            _cached.Add((_order, sector + i, stored.Slice(i * SectorSize, SectorSize).ToArray()));
        }
    }

    private void Flush(long order)
    {
        foreach ((long written, int sector, byte[] data) in _cached)
        {
            if (written <= order)
            {
                data.CopyTo(_durable, sector * SectorSize);
            }
        }

        _cached.RemoveAll(w => w.Order <= order);
    }

    private static void Copy(ScatterList data, Span<byte> stored, bool toDevice)
    {
        foreach (MemorySegment segment in data.AsSpan())
        {
            Span<byte> part = stored[..segment.Length];
            (toDevice ? segment.AsSpan() : part).CopyTo(toDevice ? part : segment.AsSpan());
            stored = stored[segment.Length..];
        }
    }

    private sealed class Queue(PowerCutDevice device, int depth) : BlockQueue
    {
        private readonly Random _random = new(depth);
        private readonly List<(BlockRequest Request, long Order)> _waiting = [];

        public override Doorbell? Completions => null;

        public override void Submit(ReadOnlySpan<BlockRequest> requests)
        {
            foreach (BlockRequest request in requests)
            {
                lock (device._gate)
                {
                    _waiting.Add((request, device._order));
                }
            }
        }

        public override int Poll(Span<BlockCompletion> completions)
        {
            int done = 0;
            while (_waiting.Count != 0 && done < completions.Length && _random.Next(4) != 0)
            {
                int pick = _random.Next(_waiting.Count);
                (BlockRequest request, long order) = _waiting[pick];
                _waiting.RemoveAt(pick);
                lock (device._gate)
                {
                    device.Execute(request);
                    if (request.Operation == BlockOperation.Flush)
                    {
                        device.Flush(order);
                    }
                }

                completions[done++] = new BlockCompletion(request.Tag, BlockStatus.Ok);
            }

            return done;
        }

        public override long Arm() => _waiting.Count == 0 ? DoorbellWaiter.Forever : Ready;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
