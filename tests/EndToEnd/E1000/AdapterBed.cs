using Makatea.Drivers.E1000;
using Makatea.EmulatedDevices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.EndToEnd;

/// <summary>An adapter under our driver: one of QEMU's models behind VT-d, whose wire another QEMU connects to.</summary>
internal sealed class AdapterBed : IDisposable
{
    private const uint EthernetClass = 0x020000;
    private const int Buffers = 511;
    private const int BufferLength = 2048;
    private const int MaxFrame = 64 << 10;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    private readonly EmulatedFunction _device;
    private readonly NetQueue _queue;
    private readonly DmaMemory _memory;
    private readonly DoorbellWaiter _waiter = new LinuxHost().CreateWaiter();
    private readonly NativeArray<MemorySegment> _segment = new(1);
    private readonly NetBuffer[] _buffers;
    private readonly NetReceived[] _received = new NetReceived[64];
    private readonly Queue<(byte[] Bytes, NetFrameOffload Offload)> _frames = new();

    /// <param name="model">QEMU's name: <c>e1000</c> is an 82540EM, <c>e1000e</c> an 82574L.</param>
    /// <param name="wire">Path of the UNIX socket at which the wire's other end is expected.</param>
    /// <param name="address">The adapter's.</param>
    public AdapterBed(string model, string wire, MacAddress address)
    {
        _device = new(
            new()
            {
                Memory = 64 << 20,
                Arguments = ["-netdev", $"stream,id=n0,server=on,addr.type=unix,addr.path={wire}"],
                Devices = [$"{model},netdev=n0,mac={address}"],
            },
            EthernetClass);
        _memory = _device.Function.Dma.Allocate(MaxFrame + (Buffers * BufferLength));
        _buffers = [.. Enumerable.Range(0, Buffers).Select(i => new NetBuffer(_memory.Slice(MaxFrame + ((ulong)i * BufferLength), BufferLength), i))];
        Port = E1000Port.Open(_device.Function);

        // Where hosts ask for IPv6 addresses that end with 00:0001.
        Port.SetFilter(new() { Multicast = [new(0x3333_ff00_0001)] });
        _queue = Port.OpenQueue(0, new() { TransmitDepth = 64, ReceiveDepth = Buffers, ReceiveBufferLength = BufferLength });
        if (_queue.Events is { } events)
        {
            _waiter.Add(events, 0);
        }

        Assert.Equal(Buffers, _queue.Supply(_buffers));
    }

    public E1000Port Port { get; }

    /// <summary>Frames that came and were no longer than the shortest on a wire, so they may have been shorter there.</summary>
    public int ShortFrames { get; private set; }

    /// <summary>Sends a frame and waits until it went.</summary>
    public void Send(ReadOnlySpan<byte> frame, NetFrameOffload offload)
    {
        MemorySegment memory = _memory.Slice(0, frame.Length);
        frame.CopyTo(memory.AsSpan());
        _segment[0] = memory;
        var request = new NetFrame { Data = ScatterList.Of(_segment, 0, 1), Length = frame.Length, Tag = 7, Offload = offload };
        Assert.Equal(1, _queue.Transmit([request]));
        Span<int> tags = stackalloc int[1];
        long started = TimeProvider.System.GetTimestamp();
        while (_queue.Reclaim(tags) == 0)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, "a frame was not sent");
            Poll();
            Sleep(started, _patience);
        }
    }

    /// <summary>Takes the next frame.</summary>
    public bool TryReceive(out byte[] frame, out NetFrameOffload offload, TimeSpan patience)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (_frames.Count == 0)
        {
            Poll();
            if (_frames.Count == 0)
            {
                if (TimeProvider.System.GetElapsedTime(started) > patience)
                {
                    (frame, offload) = ([], default);
                    return false;
                }

                Sleep(started, patience);
            }
        }

        (frame, offload) = _frames.Dequeue();
        return true;
    }

    public void Dispose()
    {
        _queue.Dispose();
        Port.Dispose();
        _memory.Dispose();
        _device.Dispose();
        _waiter.Dispose();
        _segment.Dispose();
    }

    private void Poll()
    {
        int count = _queue.Receive(_received);
        for (int i = 0; i < count; i++)
        {
            NetBuffer buffer = _buffers[_received[i].Tag];
            Assert.False(_received[i].IsContinued);
            ShortFrames += _received[i].Length <= IpFrame.MinLength ? 1 : 0;
            _frames.Enqueue((buffer.Memory.Slice(0, _received[i].Length).AsSpan().ToArray(), _received[i].Offload));
            Assert.Equal(1, _queue.Supply([buffer]));
        }
    }

    private void Sleep(long started, TimeSpan patience)
    {
        long end = started + (long)(patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        long deadline = _queue.Arm();
        if (deadline != BlockQueue.Ready)
        {
            _waiter.Wait(Math.Min(deadline, end));
        }
    }
}
