using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Requests;

/// <summary>
/// Fuzzes virtio-blk with requests of any framing, good, nearly good and bad, in batches. The disk has to hold what good requests wrote and nothing
/// else, good reads have to bring it, and no byte of the guest's memory may change that the device was not to write.
/// </summary>
public sealed class RequestFuzz : IFuzzTarget
{
    private const int Slots = 8;
    private const int SlotLength = 8192;
    private const int DiskLength = 64 * 1024;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly LinuxHost _host = new();
    private readonly GuestArena _arena;
    private readonly GuestBuffer _data;
    private readonly MappedMemory _disk;
    private readonly StrictDevice _strict;
    private readonly VirtioBlockDevice _device;
    private readonly Dictionary<ulong, DriverRingSetup> _rings = [];
    private readonly byte[] _expectedMemory = new byte[Slots * SlotLength];
    private readonly byte[] _expectedDisk = new byte[DiskLength];
    private readonly FuzzedRequest[] _requests = [.. Enumerable.Range(0, Slots).Select(_ => new FuzzedRequest())];
    private readonly long[] _statuses = new long[4];
    private long _broken;

    /// <summary>Makes the device.</summary>
    public RequestFuzz()
    {
        _arena = new GuestArena(_host, new GuestRange(0x10_0000, 1 << 20));
        _data = _arena.Allocate(Slots * SlotLength, 4096);
        using Grant disk = _host.CreateMemory("disk", DiskLength);
        _disk = disk.Map(0, DiskLength, MemoryAccess.ReadWrite);
        _strict = new StrictDevice(new MemoryDevice(_disk));
        _device = new VirtioBlockDevice(_strict, new VirtioBlockOptions { Name = "fuzz", Serial = "fuzz", MaxQueueSize = 64 });
    }

    /// <inheritdoc/>
    public string Name => "requests";

    /// <inheritdoc/>
    public string Unit => "requests";

    /// <inheritdoc/>
    public int MaxInput => 8192;

    /// <inheritdoc/>
    public string Coverage => $"ok {_statuses[0]}, error {_statuses[1]}, unsupported {_statuses[2]}, queues broken {_broken}";

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        ulong features = _device.Features & (VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | BlkFeatures.All);
        byte choice = input.Byte();
        features |= (choice & 1) != 0 ? VirtioFeatures.PackedRing : 0;
        features |= (choice & 2) != 0 ? VirtioFeatures.EventIndex : 0;
        features |= (choice & 12) == 12 ? VirtioFeatures.InOrder : 0;
        ulong key = features & VirtioFeatures.PackedRing;
        if (!_rings.TryGetValue(key, out DriverRingSetup? setup))
        {
            _rings.Add(key, setup = DriverRingSetup.Allocate(_arena, 64, features, 32));
        }

        setup = setup with { Features = features };
        setup.Areas.Clear();
        _device.Reset();
        return key != 0 ? Serve<PackedDriverRing>(setup, input) : Serve<SplitDriverRing>(setup, input);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device.Dispose();
        _arena.Dispose();
    }

    private long Serve<TRing>(DriverRingSetup setup, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        using Doorbell kick = _host.CreateDoorbell();
        using QueueWorker worker = _device.CreateWorker(new QueueSetup
        {
            Index = 0,
            Size = setup.Areas.Size,
            Features = setup.Features,
            Memory = _arena.Memory,
            DescriptorArea = setup.Areas.Descriptors.Segment,
            DriverArea = setup.Areas.Driver.Segment,
            DeviceArea = setup.Areas.Device.Segment,
            Kick = kick,
            Host = _host,
        });
        worker.Start();
        TRing ring = TRing.Create(setup);
        long done = 0;
        while (!input.IsAtEnd)
        {
            int count = 1 + input.Below(Slots);
            input.Fill(_data.AsSpan()[..512]);
            Spread();
            _disk.Slice(0, DiskLength).AsSpan().CopyTo(_expectedDisk);
            for (uint i = 0; i < count; i++)
            {
                FuzzedRequest request = _requests[i];
                request.Make(input, _data.Slice((int)i * SlotLength, SlotLength), DiskLength / 512);
                ring.UseIndirect = input.OneIn(2);
                FuzzException.ThrowUnless(ring.TryAdd(request.Segments, request.Readable, i), "the ring is full");
            }

            _data.AsSpan().CopyTo(_expectedMemory);
            if (ring.Publish())
            {
                kick.Ring();
            }

            done += count;
            if (!Await(ref ring, worker, count))
            {
                _broken++;
                worker.Stop();
                FuzzException.ThrowUnless(_strict.Violation is null, $"the disk was asked for {_strict.Violation}");
                CheckMemory(count);
                break;
            }

            FuzzException.ThrowUnless(_strict.Violation is null, $"the disk was asked for {_strict.Violation}");
            bool predictable = true;
            for (int i = 0; i < count; i++)
            {
                predictable &= _requests[i].IsPredictable;
                byte status = _requests[i].Check(_expectedDisk, predictable);
                FuzzException.ThrowUnless(status <= 2, $"a request ended with status {status}");
                _statuses[status]++;
            }

            FuzzException.ThrowUnless(
                !predictable || _disk.Slice(0, DiskLength).AsSpan().SequenceEqual(_expectedDisk), "the disk does not hold what the requests wrote");
            CheckMemory(count);
        }

        return done;
    }

    /// <summary>Gives every slot bytes of its own.</summary>
    private void Spread()
    {
        Span<byte> all = _data.AsSpan();
        for (int at = 512; at < all.Length; at += 512)
        {
            all[..512].CopyTo(all[at..]);
            all[at] = (byte)(at / 512);
        }
    }

    /// <returns>False where the device gave the queue up.</returns>
    private bool Await<TRing>(ref TRing ring, QueueWorker worker, int count)
        where TRing : struct, IDriverRing<TRing>
    {
        SpinWait spin = default;
        long start = TimeProvider.System.GetTimestamp();
        for (int got = 0; got < count;)
        {
            if (ring.TryGetUsed(out uint token, out uint length))
            {
                _requests[token].Written = length;
                got++;
                continue;
            }

            if (worker.Fault != RingFault.None)
            {
                FuzzException.ThrowUnless(
                    _requests.Take(count).Any(r => !r.IsWellFormed), $"the device found {worker.Fault} and every request is well-formed");
                return false;
            }

            FuzzException.ThrowUnless(TimeProvider.System.GetElapsedTime(start) < _patience, $"{count - got} requests did not end within {_patience}");
            spin.SpinOnce(sleep1Threshold: -1);
        }

        return true;
    }

    /// <summary>What the device was to write may have changed, and nothing else.</summary>
    private void CheckMemory(int count)
    {
        foreach (FuzzedRequest request in _requests.AsSpan(0, count))
        {
            foreach (GuestSegment segment in request.Segments.AsSpan(request.Readable))
            {
                int start = (int)(segment.Address - _data.Address);
                _data.AsSpan().Slice(start, (int)segment.Length).CopyTo(_expectedMemory.AsSpan(start));
            }
        }

        int different = _data.AsSpan().CommonPrefixLength(_expectedMemory);
        FuzzException.ThrowUnless(different == _expectedMemory.Length, $"byte {different} of the data changed, which the device was not to write");
    }
}
