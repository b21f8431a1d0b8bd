using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Block;

/// <summary>A block device served by its own queue loop in this process, and the driver side of one of its queues.</summary>
internal sealed class BlockRig<TRing> : IDisposable
    where TRing : struct, IDriverRing<TRing>
{
    private const int DataLength = 1 << 20;
    private readonly LinuxHost _host = new();
    private readonly GuestArena _arena = new(new GuestRange(0x10_0000, 8 << 20));
    private readonly GuestBuffer _header;
    private readonly GuestBuffer _data;
    private readonly GuestBuffer _status;
    private readonly DriverRingSetup _setup;
    private readonly Doorbell _kick;
    private readonly ulong _features;
#pragma warning disable IDE0044 // A mutable struct: readonly would call its methods on copies.
    private TRing _ring;
#pragma warning restore IDE0044

    public BlockRig(BlockDevice disk, VirtioBlockOptions? options = null, ulong without = 0, bool inOrder = false, DirtyLog? log = null)
    {
        Device = new VirtioBlockDevice(disk, options ?? new VirtioBlockOptions { Name = "disk", Serial = "MAKATEA0" });
        ulong ring = typeof(TRing) == typeof(PackedDriverRing) ? VirtioFeatures.PackedRing : 0;
        _features = (Device.Features & ~VirtioFeatures.PackedRing & ~VirtioFeatures.InOrder & ~without) | ring | (inOrder ? VirtioFeatures.InOrder : 0);
        Device.AcceptFeatures(_features);
        _setup = DriverRingSetup.Allocate(_arena, 64, _features, 16);
        _ring = TRing.Create(_setup);
        _header = _arena.Allocate(16);
        _data = _arena.Allocate(DataLength, 4096);
        _status = _arena.Allocate(1);
        _kick = _host.CreateDoorbell();
        Worker = Device.CreateWorker(Setup(RingPosition.Start, log));
        Worker.Start();
    }

    public VirtioBlockDevice Device { get; }

    public QueueWorker Worker { get; private set; }

    public GuestArena Arena => _arena;

    public ulong DataAddress => _data.Address;

    public ulong StatusAddress => _status.Address;

    public Span<byte> Data => _data.AsSpan();

    /// <summary>Bytes that the device said it wrote for the last request.</summary>
    public uint Written { get; private set; }

    /// <summary>Does a request whose parts are descriptors of their own.</summary>
    /// <returns>The status byte.</returns>
    public byte Do(uint type, ulong sector, int readable = 0, int writable = 0)
    {
        WriteHeader(type, sector);
        List<GuestSegment> segments = [_header.AsElement()];
        if (readable != 0)
        {
            segments.Add(_data.Slice(0, readable).AsElement());
        }

        int read = segments.Count;
        if (writable != 0)
        {
            segments.Add(_data.Slice(0, writable).AsElement());
        }

        segments.Add(_status.AsElement());
        return Do([.. segments], read, _status);
    }

    /// <summary>Does a request cut as the test says, and waits for it.</summary>
    /// <returns>The byte at <paramref name="status"/> afterwards.</returns>
    public byte Do(GuestSegment[] segments, int readable, GuestBuffer status)
    {
        status.AsSpan().Fill(0xee);
        Start(segments, readable);
        Assert.True(SpinWait.SpinUntil(TryTake, TimeSpan.FromSeconds(30)), $"no answer; the ring's fault is {Worker.Fault}");
        return status.AsSpan()[^1];
    }

    /// <summary>Makes a request available and does not wait.</summary>
    public void Start(GuestSegment[] segments, int readable)
    {
        Assert.True(_ring.TryAdd(segments, readable, 1));
        _ring.Publish();
        _kick.Ring();
    }

    /// <summary>Does a discard, zero-write or secure erase of one range.</summary>
    public byte DoRange(uint type, ulong sector, uint count, uint flags = 0)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Data, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(Data[8..], count);
        BinaryPrimitives.WriteUInt32LittleEndian(Data[12..], flags);
        return Do(type, 0, readable: 16);
    }

    /// <summary>Header and data one after another in guest memory, to be cut anywhere.</summary>
    public GuestBuffer Contiguous(uint type, ulong sector, int dataLength)
    {
        GuestBuffer all = _arena.Allocate(16 + dataLength);
        BinaryPrimitives.WriteUInt32LittleEndian(all.AsSpan(), type);
        BinaryPrimitives.WriteUInt64LittleEndian(all.AsSpan()[8..], sector);
        return all;
    }

    public GuestBuffer Header(uint type, ulong sector)
    {
        WriteHeader(type, sector);
        return _header;
    }

    /// <summary>Stops the worker and makes a new one where it stood.</summary>
    public void Restart()
    {
        RingPosition position = Worker.Stop();
        Worker.Dispose();
        Worker = Device.CreateWorker(Setup(position, null));
        Worker.Start();
    }

    public void Dispose()
    {
        Worker.Dispose();
        Device.Dispose();
        _arena.CheckCanaries();
        _arena.Dispose();
        _kick.Dispose();
    }

    private bool TryTake()
    {
        if (!_ring.TryGetUsed(out _, out uint written))
        {
            return false;
        }

        Written = written;
        return true;
    }

    private void WriteHeader(uint type, ulong sector)
    {
        _header.AsSpan().Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(), type);
        BinaryPrimitives.WriteUInt64LittleEndian(_header.AsSpan()[8..], sector);
    }

    private QueueSetup Setup(RingPosition position, DirtyLog? log) => new()
    {
        Index = 0,
        Size = _setup.Areas.Size,
        Features = _features,
        Memory = _arena.Memory,
        DescriptorArea = _setup.Areas.Descriptors.Segment,
        DriverArea = _setup.Areas.Driver.Segment,
        DeviceArea = _setup.Areas.Device.Segment,
        Position = position,
        Kick = _kick,
        DirtyLog = log,
        UsedRingLogAddress = log is null ? null : _setup.Areas.Device.Address,
        Host = _host,
    };
}
