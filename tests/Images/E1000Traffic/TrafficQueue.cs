using Makatea.Drivers.E1000;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Tests.Traffic;

namespace Makatea.E1000Traffic;

/// <summary>
/// A queue and its thread: sends its half of the frames, no more at a time than the peer is known to have room for, headers and body from where they are, and checks what arrives.
/// </summary>
internal sealed class TrafficQueue : IDisposable
{
    /// <summary>Memory of one queue in bytes.</summary>
    public const ulong MemoryLength = BuffersAt + ((ulong)Buffers * BufferLength);

    private const int Window = 512;
    private const int ReportEvery = 256;
    private const int Slots = 1024;
    private const int HeaderRoom = 128;
    private const int Buffers = 2047;
    private const int BufferLength = 2048;
    private const int Batch = 32;
    private const ulong HeadersAt = 64 << 10;
    private const ulong BuffersAt = HeadersAt + (Slots * HeaderRoom);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly Exchange _exchange;
    private readonly NetQueue _queue;
    private readonly int _index;
    private readonly DoorbellWaiter _waiter;
    private readonly Doorbell _wake;
    private readonly NativeArray<MemorySegment> _segments = new(2 * Slots);
    private readonly MemorySegment[] _headers = new MemorySegment[Slots];
    private readonly MemorySegment _bodies;
    private readonly NetBuffer[] _buffers = new NetBuffer[Buffers];
    private readonly int[] _free = new int[Slots];
    private readonly NetFrame[] _frames = new NetFrame[Batch];
    private readonly NetReceived[] _received = new NetReceived[Batch];
    private readonly NetBuffer[] _supplied = new NetBuffer[Batch];
    private readonly int[] _tags = new int[2 * Batch];
    private int _freeCount;
    private uint _sent;
    private int _isSleeping;

    public TrafficQueue(Exchange exchange, E1000Port port, int index, MappedMemory memory)
    {
        var host = new LinuxHost();
        _exchange = exchange;
        _index = index;
        _wake = host.CreateDoorbell();
        _waiter = host.CreateWaiter();
        ulong start = (ulong)index * MemoryLength;
        _bodies = memory.Slice(start, TrafficFrame.Bytes.Length);
        TrafficFrame.Bytes.CopyTo(_bodies.AsSpan());
        for (int i = 0; i < Slots; i++)
        {
            _headers[i] = memory.Slice(start + HeadersAt + ((ulong)i * HeaderRoom), HeaderRoom);
            _free[_freeCount++] = i;
        }

        for (int i = 0; i < Buffers; i++)
        {
            _buffers[i] = new(memory.Slice(start + BuffersAt + ((ulong)i * BufferLength), BufferLength), i);
        }

        _queue = port.OpenQueue(index, new() { TransmitDepth = Slots, ReceiveDepth = Buffers, ReceiveBufferLength = BufferLength });
        Exchange.Require(_queue.Supply(_buffers) == Buffers, "not all buffers were taken");
        _waiter.Add(_queue.Events ?? throw new InvalidOperationException("the queue has no interrupt"), 0);
        _waiter.Add(_wake, 1);
    }

    /// <summary>The other queue.</summary>
    public TrafficQueue Other { get; set; } = null!;

    /// <summary>Times that it waited for its interrupt.</summary>
    public int Sleeps { get; private set; }

    /// <summary>Makes its thread look again.</summary>
    public void Wake() => _wake.Ring();

    /// <summary>Works until all is sent, known to be received, and received.</summary>
    public void Run()
    {
        long moved = TimeProvider.System.GetTimestamp();
        while (!IsDone() && !_exchange.HasFailed)
        {
            if (Receive() | Reclaim() | Send())
            {
                moved = TimeProvider.System.GetTimestamp();
                continue;
            }

            Exchange.Require(TimeProvider.System.GetElapsedTime(moved) < _patience, $"nothing moved in queue {_index} for {_patience.TotalSeconds} s, {_sent} of its frames sent");
            Sleep();
        }

        Other.Wake();
    }

    public void Dispose()
    {
        _queue.Dispose();
        _waiter.Dispose();
        _wake.Dispose();
        _segments.Dispose();
    }

    private bool IsDone() =>
        _sent == _exchange.Count / Exchange.Queues && _exchange.Acknowledged(_index) == _sent && _freeCount == Slots
        && _exchange.Received == _exchange.Count && _exchange.Reported == _exchange.Count;

    private bool Receive()
    {
        int count = _queue.Receive(_received);
        if (count == 0)
        {
            return false;
        }

        uint acknowledged = _exchange.Acknowledged(Other._index);
        for (int i = 0; i < count; i++)
        {
            ref NetReceived frame = ref _received[i];
            Exchange.Require(!frame.IsContinued, "a frame did not fit its buffer");
            NetBuffer buffer = _buffers[frame.Tag];
            _exchange.Take(_index, buffer.Memory.Slice(0, frame.Length).AsSpan(), frame.Offload);
            _supplied[i] = buffer;
        }

        Exchange.Require(_queue.Supply(_supplied.AsSpan(0, count)) == count, "buffers were not taken again");
        if (acknowledged != _exchange.Acknowledged(Other._index) || _exchange.Received == _exchange.Count)
        {
            // Pairs with the fence in Sleep: either it sees what the peer has now, or this sees that it sleeps.
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref Other._isSleeping) != 0)
            {
                Other.Wake();
            }
        }

        return true;
    }

    private bool Reclaim()
    {
        int count = _queue.Reclaim(_tags);
        for (int i = 0; i < count; i++)
        {
            _free[_freeCount++] = _tags[i];
        }

        return count > 0;
    }

    private uint Sendable() => Math.Min(_exchange.Count / Exchange.Queues, _exchange.Acknowledged(_index) + Window) - _sent;

    private bool IsReportDue()
    {
        uint received = _exchange.Received;
        return received - _exchange.Reported >= ReportEvery || (received == _exchange.Count && _exchange.Reported != received);
    }

    private bool Send()
    {
        int count = (int)Math.Min(Sendable(), (uint)Math.Min(Batch, _freeCount));
        uint report = _exchange.Received;
        for (int i = 0; i < count; i++)
        {
            uint number = (_sent / 4 * 8) + ((uint)_index * 4) + (_sent % 4);
            _frames[i] = Frame(number, report);
            _sent++;
        }

        if (count == 0 && IsReportDue() && _freeCount > 0)
        {
            _frames[count++] = Frame(TrafficFrame.ReportOnly, report);
        }

        if (count == 0)
        {
            return false;
        }

        // As many frames are under way as there are slots, and so many the queue takes.
        Exchange.Require(_queue.Transmit(_frames.AsSpan(0, count)) == count, "frames were not taken");
        _exchange.Reported = report;
        return true;
    }

    private NetFrame Frame(uint number, uint report)
    {
        int slot = _free[--_freeCount];
        int flow = TrafficFrame.FlowOf(number);
        int headers = TrafficFrame.WriteHeaders(_headers[slot].AsSpan(), number, fromPeer: false, _exchange.Adapter, report, 0);
        (int start, int length) = TrafficFrame.BodyOf(number);
        _segments[2 * slot] = _headers[slot].Slice(0, headers);
        _segments[(2 * slot) + 1] = length > 0 ? _bodies.Slice(start, length) : default;
        ushort vlan = TrafficFrame.VlanOf(flow);
        return new()
        {
            Data = ScatterList.Of(_segments, 2 * slot, length > 0 ? 2 : 1),
            Length = headers + length,
            Tag = slot,
            Offload = new()
            {
                Flags = NetFrameFlags.NeedsChecksum | (vlan != 0 ? NetFrameFlags.HasVlanTag : NetFrameFlags.None),
                ChecksumStart = (ushort)TrafficFrame.TransportOf(flow),
                ChecksumOffset = (ushort)TrafficFrame.ChecksumOffsetOf(flow),
                VlanTag = vlan,
            },
        };
    }

    private void Sleep()
    {
        Volatile.Write(ref _isSleeping, 1);

        // Pairs with the fence in Receive.
        Interlocked.MemoryBarrier();
        long deadline = _queue.Arm();
        if (deadline != BlockQueue.Ready && Sendable() == 0 && !IsReportDue() && !IsDone() && !_exchange.HasFailed)
        {
            Sleeps++;
            _waiter.Wait(deadline);
        }

        Volatile.Write(ref _isSleeping, 0);
    }
}
