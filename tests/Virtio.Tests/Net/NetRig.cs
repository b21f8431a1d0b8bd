using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Virtio.Net;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Net;

/// <summary>
/// A network device in this process, the driver side of its rings, and its port's queue, all on the test's thread: what the guest sends is received when the test says so.
/// </summary>
internal sealed class NetRig<TRing> : IDisposable
    where TRing : struct, IDriverRing<TRing>
{
    public const int HeaderLength = 12;
    public const int BufferLength = 2048;
    private const ushort RingSize = 64;
    private static readonly MacAddress _address = new(0x5254_0012_3456);
    private readonly GuestArena _arena = new(new GuestRange(0x10_0000, 16 << 20));
    private readonly NativeArray<byte> _memory = new(64 * BufferLength);
    private readonly NativeArray<byte> _frame = new(128 << 10);
    private readonly NativeArray<MemorySegment> _pieces = new(64);
    private readonly DriverRingSetup[] _setups;
    private readonly TRing[] _rings;
    private readonly QueueWorker[] _workers;
    private readonly Dictionary<uint, GuestBuffer> _receiveBuffers = [];
    private readonly Dictionary<int, Doorbell> _kicks = [];
    private readonly Queue<int> _free = new(Enumerable.Range(0, 64));
    private uint _token;

    public NetRig(ulong without = 0, int pairs = 1, VirtioNetOptions? options = null, bool inOrder = false, DirtyLog? log = null, bool reportsHash = false)
    {
        Device = new VirtioNetDevice(options ?? new VirtioNetOptions { Name = "net", Address = _address, QueuePairs = pairs, MaxQueueSize = RingSize });
        ulong ring = typeof(TRing) == typeof(PackedDriverRing) ? VirtioFeatures.PackedRing : 0;
        Features = (Device.Features & ~VirtioFeatures.PackedRing & ~VirtioFeatures.InOrder & ~NetFeatures.HashReport & ~without) | (reportsHash ? NetFeatures.HashReport : 0) | ring | (inOrder ? VirtioFeatures.InOrder : 0);
        Device.AcceptFeatures(Features);
        Log = log;
        int queues = Device.QueueCount;
        _setups = [.. Enumerable.Range(0, queues).Select(_ => DriverRingSetup.Allocate(_arena, RingSize, Features, 32))];
        _rings = [.. _setups.Select(TRing.Create)];
        Calls = [.. Enumerable.Range(0, queues).Select(_ => new CountingDoorbell())];
        Errors = [.. Enumerable.Range(0, queues).Select(_ => new CountingDoorbell())];
        _workers = [.. Enumerable.Range(0, queues).Select(i => Device.CreateWorker(Setup(i, RingPosition.Start)))];
        foreach (QueueWorker worker in _workers)
        {
            worker.Start();
        }

        Queue = Device.Port.OpenQueue(0, new NetQueueOptions { ReceiveDepth = 64, TransmitDepth = 64, ReceiveBufferLength = BufferLength });
        Supply(64);
    }

    public VirtioNetDevice Device { get; }

    public ulong Features { get; }

    public NetQueue Queue { get; private set; }

    public CountingDoorbell[] Calls { get; }

    public CountingDoorbell[] Errors { get; }

    public GuestArena Arena => _arena;

    public IReadOnlyList<QueueWorker> Workers => _workers;

    public ref TRing Ring(int index) => ref _rings[index];

    /// <summary>What the guest supplied last.</summary>
    public GuestBuffer LastGuestBuffer { get; private set; }

    private DirtyLog? Log { get; }

    private static int SendRing(int pair) => (2 * pair) + 1;

    /// <summary>Gives the queue buffers of ours.</summary>
    public void Supply(int count)
    {
        for (int i = 0; i < count && _free.TryDequeue(out int tag); i++)
        {
            Assert.Equal(1, Queue.Supply([new NetBuffer(_memory.AsSegment(tag * BufferLength, BufferLength), tag)]));
        }
    }

    /// <summary>The guest sends one buffer of header and frame, cut where the test says.</summary>
    public void Send(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame, int pair = 0, params int[] cuts)
    {
        GuestBuffer buffer = _arena.Allocate(Math.Max(1, header.Length + frame.Length));
        header.CopyTo(buffer.AsSpan());
        frame.CopyTo(buffer.AsSpan()[header.Length..]);
        List<GuestSegment> segments = [];
        int at = 0;
        foreach (int cut in cuts.Append(header.Length + frame.Length))
        {
            segments.Add(buffer.Slice(at, cut - at).AsElement());
            at = cut;
        }

        Assert.True(_rings[SendRing(pair)].TryAdd([.. segments], segments.Count, _token++));
        _rings[SendRing(pair)].Publish();
    }

    public void Send(ReadOnlySpan<byte> frame, int pair = 0) => Send(new byte[HeaderLength], frame, pair);

    /// <summary>What the port receives now; buffers come back to it.</summary>
    public List<Received> Receive(int batch = 32)
    {
        List<Received> all = [];
        List<byte> bytes = [];
        NetReceived[] parts = new NetReceived[batch];
        int parted = 0;
        for (int count = Queue.Receive(parts); count != 0; count = Queue.Receive(parts))
        {
            foreach (NetReceived part in parts.AsSpan(0, count))
            {
                bytes.AddRange(_memory.AsSpan(part.Tag * BufferLength, part.Length));
                _free.Enqueue(part.Tag);
                parted++;
                if (!part.IsContinued)
                {
                    all.Add(new Received([.. bytes], part.Offload, parted));
                    bytes.Clear();
                    parted = 0;
                }
            }

            Supply(64);
        }

        return all;
    }

    /// <summary>What the guest has back of what it sent.</summary>
    public int TakeSent(int pair = 0)
    {
        int count = 0;
        while (_rings[SendRing(pair)].TryGetUsed(out _, out uint written))
        {
            Assert.Equal(0u, written);
            count++;
        }

        return count;
    }

    /// <summary>The guest supplies buffers, each cut where the test says.</summary>
    public void SupplyGuest(int count, int length, int pair = 0, params int[] cuts)
    {
        for (int i = 0; i < count; i++)
        {
            GuestBuffer buffer = _arena.Allocate(length);
            buffer.AsSpan().Fill(0xee);
            List<GuestSegment> segments = [];
            int at = 0;
            foreach (int cut in cuts.Append(length))
            {
                segments.Add(buffer.Slice(at, cut - at).AsElement());
                at = cut;
            }

            LastGuestBuffer = buffer;
            _receiveBuffers.Add(_token, buffer);
            Assert.True(_rings[2 * pair].TryAdd([.. segments], 0, _token++));
        }

        _rings[2 * pair].Publish();
    }

    /// <summary>A frame is sent to the guest.</summary>
    public void Transmit(ReadOnlySpan<byte> frame, NetFrameOffload offload = default, params int[] cuts)
    {
        frame.CopyTo(_frame.AsSpan());
        int at = 0;
        int count = 0;
        foreach (int cut in cuts.Append(frame.Length))
        {
            _pieces[count++] = _frame.AsSegment(at, cut - at);
            at = cut;
        }

        NetFrame given = new() { Data = ScatterList.Of(_pieces, 0, count), Length = frame.Length, Tag = 7, Offload = offload };
        Assert.Equal(1, Queue.Transmit([given]));

        // It was copied: what becomes of it now does not matter.
        Assert.True(Queue.CopiesFrames);
        _frame.AsSpan().Clear();
    }

    public NetBuffer BufferOf(int tag) => new(_memory.AsSegment(tag * BufferLength, BufferLength), tag);

    /// <summary>Transmits one frame.</summary>
    /// <returns>Bytes that were allocated for it.</returns>
    public long TransmitMeasured(int length)
    {
        _pieces[0] = _frame.AsSegment(0, length);
        ReadOnlySpan<NetFrame> frames = [new() { Data = ScatterList.Of(_pieces, 0, 1), Length = length }];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Queue.Transmit(frames);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    /// <summary>The buffers that the guest received, each as long as the device said.</summary>
    public List<byte[]> TakeReceived(int pair = 0)
    {
        List<byte[]> all = [];
        while (_rings[2 * pair].TryGetUsed(out uint token, out uint written))
        {
            Assert.True(_receiveBuffers.Remove(token, out GuestBuffer buffer));
            Assert.True(buffer.AsSpan()[(int)written..].IndexOfAnyExcept((byte)0xee) < 0, "the device wrote beyond what it said");
            all.Add([.. buffer.AsSpan()[..(int)written]]);
        }

        return all;
    }

    /// <summary>The driver gives a command, while the forwarding thread turns.</summary>
    /// <returns>The acknowledgement.</returns>
    public byte Command(byte group, byte command, params ReadOnlySpan<byte> data) => RawCommand([group, command, .. data]);

    public byte RawCommand(ReadOnlySpan<byte> command)
    {
        ref TRing ring = ref _rings[^1];
        GuestBuffer buffer = _arena.Allocate(command.Length + 1);
        command.CopyTo(buffer.AsSpan());
        buffer.AsSpan()[^1] = 0xee;
        Assert.True(ring.TryAdd([buffer.Slice(0, command.Length).AsElement(), buffer.Slice(command.Length, 1).AsElement()], 1, 0));
        ring.Publish();
        Kick(_rings.Length - 1);
        bool done = SpinWait.SpinUntil(
            () =>
            {
                Queue.Receive([]);
                return _rings[^1].TryGetUsed(out _, out _);
            },
            TimeSpan.FromSeconds(10));
        Assert.True(done, "the command was not acknowledged");
        return buffer.AsSpan()[^1];
    }

    public void Kick(int queue) => _kicks[queue].Ring();

    /// <summary>All rings are stopped and started again where they stand, as at a pause.</summary>
    public void Restart()
    {
        Queue.Dispose();
        for (int i = 0; i < _workers.Length; i++)
        {
            RingPosition position = _workers[i].Stop();
            _workers[i].Dispose();
            _workers[i] = Device.CreateWorker(Setup(i, position));
            _workers[i].Start();
        }

        _free.Clear();
        foreach (int tag in Enumerable.Range(0, 64))
        {
            _free.Enqueue(tag);
        }

        Queue = Device.Port.OpenQueue(0, new NetQueueOptions { ReceiveDepth = 64, TransmitDepth = 64, ReceiveBufferLength = BufferLength });
        Supply(64);
    }

    public void Dispose()
    {
        Queue.Dispose();
        foreach (QueueWorker worker in _workers)
        {
            worker.Dispose();
        }

        Device.Dispose();
        _arena.CheckCanaries();
        _arena.Dispose();
        foreach (Doorbell kick in _kicks.Values)
        {
            kick.Dispose();
        }

        _memory.Dispose();
        _frame.Dispose();
        _pieces.Dispose();
    }

    private QueueSetup Setup(int index, RingPosition position)
    {
        if (!_kicks.TryGetValue(index, out Doorbell? kick))
        {
            kick = TestHosts.Linux.CreateDoorbell();
            _kicks.Add(index, kick);
        }

        return new()
        {
            Index = index,
            Size = RingSize,
            Features = Features,
            Memory = _arena.Memory,
            DescriptorArea = _setups[index].Areas.Descriptors.Segment,
            DriverArea = _setups[index].Areas.Driver.Segment,
            DeviceArea = _setups[index].Areas.Device.Segment,
            Position = position,
            Kick = kick,
            Call = Calls[index],
            Error = Errors[index],
            DirtyLog = Log,
            UsedRingLogAddress = Log is null ? null : _setups[index].Areas.Device.Address,
            Host = TestHosts.Linux,
        };
    }
}

/// <summary>A frame that the port received.</summary>
internal sealed record Received(byte[] Bytes, NetFrameOffload Offload, int Parts);

/// <summary>Counts its rings.</summary>
internal sealed class CountingDoorbell : Doorbell
{
    private int _rings;

    public int Rings => Volatile.Read(ref _rings);

    public override void Ring() => Interlocked.Increment(ref _rings);

    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>Frames and headers for tests.</summary>
internal static class Frames
{
    /// <summary>A frame of any bytes.</summary>
    public static byte[] Any(int length, byte seed = 1)
    {
        byte[] frame = new byte[length];
        for (int i = 0; i < length; i++)
        {
            frame[i] = (byte)((i * 7) + seed);
        }

        // Neither IP nor a VLAN.
        frame[12] = 0x88;
        frame[13] = 0xb5;
        return frame;
    }

    /// <summary>TCP or UDP over IPv4 or IPv6.</summary>
    public static byte[] Packet(bool is6, bool tcp, int payload, ushort source = 1000, ushort destination = 80, byte host = 1)
    {
        int network = is6 ? 40 : 20;
        int transport = tcp ? 20 : 8;
        byte[] frame = new byte[14 + network + transport + payload];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), is6 ? (ushort)0x86dd : (ushort)0x800);
        Span<byte> packet = frame.AsSpan(14);
        if (is6)
        {
            packet[0] = 0x60;
            packet[6] = tcp ? (byte)6 : (byte)17;
            packet[23] = host;
            packet[39] = 2;
        }
        else
        {
            packet[0] = 0x45;
            packet[9] = tcp ? (byte)6 : (byte)17;
            packet[15] = host;
            packet[19] = 2;
        }

        Span<byte> header = packet[network..];
        BinaryPrimitives.WriteUInt16BigEndian(header, source);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], destination);
        if (tcp)
        {
            header[12] = 0x50;
        }

        for (int i = 14 + network + transport; i < frame.Length; i++)
        {
            frame[i] = (byte)i;
        }

        return frame;
    }

    /// <summary>struct virtio_net_hdr.</summary>
    public static byte[] Header(byte flags = 0, byte gso = 0, ushort headerLength = 0, ushort size = 0, ushort start = 0, ushort offset = 0)
    {
        byte[] header = new byte[12];
        header[0] = flags;
        header[1] = gso;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), headerLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(4), size);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), start);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), offset);
        return header;
    }
}
