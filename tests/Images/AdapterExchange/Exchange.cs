using Makatea.Drivers.E1000;
using Makatea.Platform;

namespace Makatea.AdapterExchange;

/// <summary>Sends frames, a window of them at a time, and checks that the peer answers each with the one that is due, unchanged. What is lost on the way is sent again.</summary>
internal sealed class Exchange : IDisposable
{
    private const int Window = 32;
    private const int Buffers = 128;
    private const int BufferLength = 2048;
    private static readonly TimeSpan _resendTime = TimeSpan.FromSeconds(1);

    private readonly E1000Port _port;
    private readonly NetQueue _queue;
    private readonly DoorbellWaiter _waiter;
    private readonly DmaMemory _memory;
    private readonly NativeArray<MemorySegment> _segments = new(Window);
    private readonly NetFrame[] _frames = new NetFrame[1];
    private readonly NetReceived[] _received = new NetReceived[Window];
    private readonly NetBuffer[] _supplied = new NetBuffer[1];
    private readonly int[] _tags = new int[Window];
    private readonly uint[] _numberOf = new uint[Window];
    private readonly bool[] _isAnswered = new bool[Window];
    private readonly bool[] _isSending = new bool[Window];
    private readonly byte[] _ours = new byte[MacAddress.Length];
    private readonly byte[] _everybody = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    private uint _next;

    /// <summary>Opens the adapter.</summary>
    public Exchange(ComponentHost host, PciFunction function)
    {
        // A buffer crosses into no other page: pages that follow each other here need not in the machine's memory.
        _memory = function.Dma.Allocate((Window + Buffers) * BufferLength);
        _port = E1000Port.Open(function);
        _port.Info.Address.Write(_ours);
        _queue = _port.OpenQueue(0, new() { TransmitDepth = Window, ReceiveDepth = Buffers, ReceiveBufferLength = BufferLength });
        _waiter = host.CreateWaiter();
        if (_queue.Events is { } events)
        {
            _waiter.Add(events, 0);
        }

        for (int i = 0; i < Buffers; i++)
        {
            Supply(i);
        }
    }

    /// <summary>Frames that were answered.</summary>
    public long Answered { get; private set; }

    /// <summary>Frames that were sent again.</summary>
    public long Resent { get; private set; }

    /// <summary>What the adapter counted.</summary>
    public NetStatistics Statistics => _port.ReadStatistics();

    /// <summary>Waits for the link.</summary>
    public void WaitForLink()
    {
        while (!_port.Info.IsLinkUp)
        {
            Thread.Sleep(10);
        }
    }

    /// <summary>Sends a window of frames and waits until each was answered.</summary>
    /// <exception cref="InvalidDataException">An answer was changed on the way.</exception>
    public void RunWindow()
    {
        for (int slot = 0; slot < Window; slot++)
        {
            _numberOf[slot] = _next++;
            _isAnswered[slot] = false;
            Send(slot);
        }

        long sent = TimeProvider.System.GetTimestamp();
        while (Array.IndexOf(_isAnswered, false) >= 0 || Array.IndexOf(_isSending, true) >= 0)
        {
            if (Receive() | Reclaim())
            {
                continue;
            }

            if (TimeProvider.System.GetElapsedTime(sent) > _resendTime)
            {
                sent = TimeProvider.System.GetTimestamp();
                Resend();
            }

            long deadline = _queue.Arm();
            if (deadline != BlockQueue.Ready)
            {
                _waiter.Wait(Math.Min(deadline, sent + TimeProvider.System.TimestampFrequency));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _queue.Dispose();
        _waiter.Dispose();
        _port.Dispose();
        _segments.Dispose();
        _memory.Dispose();
    }

    private void Send(int slot)
    {
        MemorySegment memory = _memory.Slice((ulong)slot * BufferLength, BufferLength);
        int length = ExchangeFrame.Write(memory.AsSpan(), _everybody, _ours, _numberOf[slot], ExchangeFrame.Ours);
        _segments[slot] = memory.Slice(0, length);
        _frames[0] = new NetFrame { Data = ScatterList.Of(_segments, slot, 1), Length = length, Tag = slot };
        _isSending[slot] = _queue.Transmit(_frames) == 1;
    }

    private void Resend()
    {
        for (int slot = 0; slot < Window; slot++)
        {
            if (!_isAnswered[slot] && !_isSending[slot])
            {
                Resent++;
                Send(slot);
            }
        }
    }

    private bool Reclaim()
    {
        int count = _queue.Reclaim(_tags);
        for (int i = 0; i < count; i++)
        {
            _isSending[_tags[i]] = false;
        }

        return count != 0;
    }

    private bool Receive()
    {
        int count = _queue.Receive(_received);
        for (int i = 0; i < count; i++)
        {
            int tag = _received[i].Tag;
            if (ExchangeFrame.TryRead(BufferAt(tag).Slice(0, _received[i].Length).AsSpan(), ExchangeFrame.Peers, out uint number))
            {
                int slot = Array.IndexOf(_numberOf, number);
                if (slot >= 0 && !_isAnswered[slot])
                {
                    _isAnswered[slot] = true;
                    Answered++;
                }
            }

            Supply(tag);
        }

        return count != 0;
    }

    private MemorySegment BufferAt(int tag) => _memory.Slice((ulong)(Window + tag) * BufferLength, BufferLength);

    private void Supply(int tag)
    {
        _supplied[0] = new NetBuffer(BufferAt(tag), tag);
        if (_queue.Supply(_supplied) != 1)
        {
            throw new InvalidOperationException("the adapter takes no buffer");
        }
    }
}
