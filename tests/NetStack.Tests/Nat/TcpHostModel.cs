using System.Buffers.Binary;

namespace Makatea.NetStack.Tests;

/// <summary>One side of a TCP connection, as far as a tracker in the middle sees of it: it sends within the window it was given, again what was lost, and probes.</summary>
internal sealed class TcpHostModel(Random random, uint isn, int capacity, int scale, int toSend)
{
    private const int Segment = 1460;
    private readonly SortedSet<(long From, long To)> _outOfOrder = [];
    private long _acked;
    private long _sent;
    private long _edge;
    private long _received;
    private long _read;
    private uint _peerIsn;
    private int _shift;
    private int _peerShift;
    private bool _sentFin;
    private bool _gotFin;

    /// <summary>SYN was exchanged.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>All was sent, and acknowledged, with FIN.</summary>
    public bool IsDone => _sentFin && _acked == toSend + 1;

    /// <summary>Number of segments that had to be sent again.</summary>
    public int Repeats { get; private set; }

    public TcpWire Syn(bool isAnswer) => new(isn, isAnswer ? _peerIsn + 1 : 0, (byte)(isAnswer ? 0x12 : 2), (ushort)Math.Min(capacity, 65535), 0, scale);

    /// <summary>Takes the other's SYN.</summary>
    public void Open(in TcpWire syn)
    {
        _peerIsn = syn.Sequence;
        bool isScaled = scale >= 0 && syn.Scale >= 0;
        (_shift, _peerShift) = isScaled ? (scale, syn.Scale) : (0, 0);
        _edge = syn.Window;
        IsOpen = true;
    }

    /// <summary>What it sends now: nothing, new data, a repetition or a probe.</summary>
    public IEnumerable<TcpWire> Send(bool isTimeout)
    {
        if (isTimeout && _acked < _sent + (_sentFin ? 1 : 0))
        {
            Repeats++;
            int length = (int)Math.Min(Segment, Math.Min(_sent, toSend) - _acked);
            yield return length > 0 ? Make(_acked, length, 0x10) : Make(toSend, 0, 0x11);
        }
        else if (isTimeout && _sent == _edge && _sent < toSend)
        {
            // The window is shut: Linux asks with an old number, others with a byte beyond.
            yield return random.Next(2) == 0 ? Make(_sent - 1, 0, 0x10) : Make(_sent, 1, 0x10);
        }
        else if (isTimeout)
        {
            yield return Make(_sent - 1, 0, 0x10);
        }

        for (int burst = random.Next(8); burst > 0 && _sent < Math.Min(toSend, _edge); burst--)
        {
            int length = (int)Math.Min(random.Next(1, Segment + 1) * (random.Next(4) == 0 ? 10 : 1), Math.Min(toSend, _edge) - _sent);
            yield return Make(_sent, length, 0x18);
            _sent += length;
        }

        if (_sent == toSend && !_sentFin)
        {
            _sentFin = true;
            yield return Make(_sent, 0, 0x11);
        }
    }

    /// <summary>Takes a segment.</summary>
    /// <returns>Whether it is to be acknowledged.</returns>
    public bool Receive(in TcpWire segment)
    {
        long acked = (int)(segment.Acknowledged - (isn + 1) - (uint)_acked) + _acked;
        if (acked > _acked && acked <= _sent + 1)
        {
            _acked = acked;
            _sent = Math.Clamp(acked, _sent, toSend);
        }

        _edge = Math.Max(_edge, acked + ((long)segment.Window << _peerShift));
        long from = (int)(segment.Sequence - (_peerIsn + 1) - (uint)_received) + _received;
        long to = from + segment.Length;
        if ((segment.Flags & 1) != 0 && to == _received)
        {
            _gotFin = true;
        }

        if (from > _received && to <= _read + capacity)
        {
            _outOfOrder.Add((from, to));
        }
        else if (to > _received && to <= _read + capacity)
        {
            _received = to;
        }

        while (_outOfOrder.Count != 0 && _outOfOrder.Min.From <= _received)
        {
            _received = Math.Max(_received, _outOfOrder.Min.To);
            _outOfOrder.Remove(_outOfOrder.Min);
        }

        return segment.Length > 0 || (segment.Flags & 1) != 0 || from == _received - 1;
    }

    /// <summary>It would learn nothing from a segment: all of it, and what it acknowledges, it has.</summary>
    public bool Knows(in TcpWire segment) =>
        (int)(segment.Sequence + (uint)segment.Length - (_peerIsn + 1) - (uint)_received) <= 0
        && (int)(segment.Acknowledged - (isn + 1) - (uint)_acked) <= 0
        && ((segment.Flags & 1) == 0 || _gotFin);

    /// <summary>The program reads some of what came.</summary>
    public void Read() => _read += random.NextInt64(_received - _read + 1);

    public TcpWire Ack() => Make(_sentFin ? toSend + 1 : _sent, 0, 0x10);

    private TcpWire Make(long at, int length, byte flags) => new(
        isn + 1 + (uint)at, _peerIsn + 1 + (uint)_received + (_gotFin ? 1u : 0), flags, (ushort)Math.Min(65535, Math.Max(0, _read + capacity - _received) >> _shift), length, -1);
}

/// <summary>A segment on its way.</summary>
internal readonly record struct TcpWire(uint Sequence, uint Acknowledged, byte Flags, ushort Window, int Length, int Scale)
{
    /// <summary>As the tracker reads it.</summary>
    public TcpSegment Read()
    {
        byte[] header = new byte[Scale >= 0 ? 24 : 20];
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), Acknowledged);
        header[12] = (byte)(header.Length * 4);
        header[13] = Flags;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(14), Window);
        if (Scale >= 0)
        {
            new byte[] { 1, 3, 3, (byte)Scale }.CopyTo(header, 20);
        }

        Assert.True(TcpSegment.TryRead(new() { Bytes = header, Length = header.Length + Length, Protocol = 6, TransportOffset = 0 }, out TcpSegment segment));
        return segment;
    }
}
