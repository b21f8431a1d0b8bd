using System.Buffers.Binary;
using System.Diagnostics;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Compare.Net;

/// <summary>
/// Sends frames through a back end that sends them back, and measures how long they take. testpmd does not: it forwards as fast as it can. A frame's time runs from when it was due, so that what has
/// to wait behind a pause counts.
/// </summary>
internal sealed class LatencyFrontend : IDisposable
{
    private const int Batch = 32;
    private const int Buffers = 256;
    private const int BufferLength = 2048;
    private const int Header = 14;

    private readonly DriverNetPort _port;
    private readonly NetQueue _queue;
    private readonly int _length;
    private readonly NativeArray<byte> _incoming = new(Buffers * BufferLength);
    private readonly NativeArray<byte> _outgoing;
    private readonly NativeArray<MemorySegment> _pieces = new(Batch);
    private readonly NetFrame[] _frames = new NetFrame[Batch];
    private readonly NetReceived[] _received = new NetReceived[Batch];
    private readonly NetBuffer[] _buffers = new NetBuffer[Batch];
    private long _underWay;

    /// <summary>Connects.</summary>
    public LatencyFrontend(UnixMessageChannel channel, NetScenario scenario)
    {
        _length = scenario.FrameLength;
        _outgoing = new(Batch * _length);
        DriverNetOptions options = new();
        _port = new DriverNetPort(channel, new LinuxHost(), options with { Features = options.Features | (scenario.Packed ? VirtioFeatures.PackedRing : 0) });
        _queue = _port.OpenQueue(0, new NetQueueOptions { ReceiveDepth = Buffers, TransmitDepth = Buffers, ReceiveBufferLength = BufferLength });
        for (int i = 0; i < Batch; i++)
        {
            Span<byte> frame = _outgoing.AsSpan(i * _length, _length);
            frame[..12].Fill(2);
            BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x88b5);
            _pieces[i] = _outgoing.AsSegment(i * _length, _length);
            _frames[i] = new NetFrame { Data = ScatterList.Of(_pieces, i, 1), Length = _length };
        }

        for (int i = 0; i < Buffers; i++)
        {
            _buffers[0] = BufferOf(i);
            _queue.Supply(_buffers.AsSpan(0, 1));
        }
    }

    /// <summary>Frames a second with so many under way.</summary>
    public double FindRate(int underWay, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        long end = start + (long)(time.TotalSeconds * Stopwatch.Frequency);
        long count = 0;
        while (Stopwatch.GetTimestamp() < end)
        {
            if (underWay - _underWay is > 0 and var room)
            {
                Send((int)Math.Min(room, Batch));
            }

            count += Receive(null);
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Drain();
        return count / seconds;
    }

    /// <summary>Times of frames at a rate.</summary>
    /// <param name="rate">Frames a second.</param>
    /// <param name="time">How long.</param>
    public LatencyHistogram Measure(double rate, TimeSpan time)
    {
        LatencyHistogram histogram = new();
        double ticks = Stopwatch.Frequency / rate;
        long start = Stopwatch.GetTimestamp();
        long sent = 0;
        for (long now = start; now - start < time.TotalSeconds * Stopwatch.Frequency; now = Stopwatch.GetTimestamp())
        {
            long due = (long)((now - start) / ticks) - sent;
            int count = (int)Math.Min(Math.Min(due, Batch), Buffers - _underWay);
            for (int i = 0; i < count; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(_outgoing.AsSpan((i * _length) + Header, 8), start + (long)((sent + i) * ticks));
            }

            sent += Send(count);
            Receive(histogram);
        }

        Drain();
        return histogram;
    }

    public void Dispose()
    {
        _queue.Dispose();
        _port.Dispose();
        _incoming.Dispose();
        _outgoing.Dispose();
        _pieces.Dispose();
    }

    private NetBuffer BufferOf(int tag) => new(_incoming.AsSegment(tag * BufferLength, BufferLength), tag);

    private int Send(int count)
    {
        int sent = count > 0 ? _queue.Transmit(_frames.AsSpan(0, count)) : 0;
        _underWay += sent;
        return sent;
    }

    private int Receive(LatencyHistogram? histogram)
    {
        int count = _queue.Receive(_received);
        if (count == 0)
        {
            return 0;
        }

        long now = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            int tag = _received[i].Tag;
            histogram?.Add((now - BinaryPrimitives.ReadInt64LittleEndian(_incoming.AsSpan((tag * BufferLength) + Header, 8))) * (1_000_000_000 / Stopwatch.Frequency));
            _buffers[i] = BufferOf(tag);
        }

        _queue.Supply(_buffers.AsSpan(0, count));
        _underWay -= count;
        return count;
    }

    /// <summary>Waits for what is under way; a back end may have dropped some.</summary>
    private void Drain()
    {
        for (long start = Stopwatch.GetTimestamp(); _underWay > 0 && Stopwatch.GetElapsedTime(start) < TimeSpan.FromMilliseconds(200);)
        {
            Receive(null);
        }

        _underWay = 0;
    }
}
