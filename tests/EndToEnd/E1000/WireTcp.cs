using System.Buffers.Binary;
using System.Net;

namespace Makatea.EndToEnd;

/// <summary>One TCP connection of a <see cref="WireHost"/>, without options but the segment size, on a wire that keeps the order.</summary>
internal sealed class WireTcp
{
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Push = 8;
    private const byte Ack = 16;
    private const int Header = 20;
    private const ushort Window = 60_000;
    private const int ShortSegment = 6;

    private readonly WireHost _host;
    private readonly IPAddress _peer;
    private readonly ushort _port;
    private ushort _peerPort;
    private uint _next = 1000;
    private uint _expected;
    private uint _acknowledged;
    private int _window;
    private bool _hasPeerEnded;

    private WireTcp(WireHost host, IPAddress peer, ushort port, ushort peerPort)
    {
        _host = host;
        _peer = peer;
        _port = port;
        _peerPort = peerPort;
    }

    /// <summary>Most payload of a segment.</summary>
    public int SegmentSize => _peer.GetAddressBytes().Length == 16 ? 1440 : 1460;

    /// <summary>Connects.</summary>
    public static WireTcp Connect(WireHost host, IPAddress peer, ushort port, ushort peerPort)
    {
        var tcp = new WireTcp(host, peer, port, peerPort);
        tcp.SendSegment(Syn, []);
        byte[] answer = tcp.Receive("an answer to SYN", (flags, _) => (flags & Syn) != 0);
        tcp._expected = BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(4)) + 1;
        tcp._next = tcp._acknowledged = BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(8));
        tcp._window = BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(14));
        tcp.SendSegment(Ack, []);
        return tcp;
    }

    /// <summary>Waits for a connection.</summary>
    public static WireTcp Accept(WireHost host, IPAddress peer, ushort port)
    {
        var tcp = new WireTcp(host, peer, port, 0);
        byte[] first = tcp.Receive("a connection", (flags, _) => flags == Syn || (flags & (Syn | Ack)) == Syn);
        tcp._peerPort = BinaryPrimitives.ReadUInt16BigEndian(first);
        tcp._expected = BinaryPrimitives.ReadUInt32BigEndian(first.AsSpan(4)) + 1;
        tcp.SendSegment(Syn | Ack, []);
        tcp._next++;
        return tcp;
    }

    /// <summary>Sends bytes and waits until the peer has them.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="atOnce">Bytes of a frame: more than a segment has are for the adapter to cut.</param>
    public void Send(ReadOnlySpan<byte> data, int atOnce)
    {
        uint start = _next;
        int stalls = 0;
        while (_acknowledged - start < (uint)data.Length)
        {
            // What was not received is sent again: Linux may be short of memory for a moment.
            int at = (int)(_acknowledged - start);
            int end = Math.Min(at + _window, data.Length);
            while (at < end)
            {
                int length = Math.Min(atOnce, end - at);
                if (length > SegmentSize && length % SegmentSize < ShortSegment)
                {
                    // Models do not pad a short last segment, nor do without an empty one; Linux would count it as an error.
                    length -= ShortSegment;
                }

                _next = start + (uint)at;
                SendSegment(Ack | Push, data.Slice(at, length));
                at += length;
            }

            // Where the window was closed, it opens with an acknowledgement of what is known already.
            uint before = _acknowledged;
            uint wanted = start + (uint)end;
            while (TryTake(0.5) && _acknowledged != wanted)
            {
            }

            stalls = _acknowledged == before ? stalls + 1 : 0;
            Assert.True(stalls < 20, $"the peer has {_acknowledged - start} of {data.Length} bytes, and takes no more");
        }

        _next = start + (uint)data.Length;
    }

    /// <summary>Receives all that the peer sends until it ends the connection.</summary>
    public byte[] ReceiveAll()
    {
        using var data = new MemoryStream();
        while (true)
        {
            byte[] segment = Receive("data", (_, _) => true);
            ReadOnlySpan<byte> payload = segment.AsSpan((segment[12] >> 4) * 4);
            int old = (int)(_expected - BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(4)));
            if (old >= 0 && old <= payload.Length)
            {
                data.Write(payload[old..]);
                _expected += (uint)(payload.Length - old);
                if ((segment[13] & Fin) != 0)
                {
                    _expected++;
                    SendSegment(Fin | Ack, []);
                    return data.ToArray();
                }
            }

            if (!payload.IsEmpty)
            {
                SendSegment(Ack, []);
            }
        }
    }

    /// <summary>Ends the connection, and waits until the peer did.</summary>
    public void Close()
    {
        SendSegment(Fin | Ack, []);
        _next++;
        for (int i = 0; !_hasPeerEnded || _acknowledged != _next; i++)
        {
            Assert.True(TryTake(5) || i < 4, "the peer did not end the connection");
        }

        SendSegment(Ack, []);
    }

    private byte[] Receive(string what, Func<byte, byte[], bool> isWanted) =>
        _host.Receive(what, (protocol, segment) => IsMine(protocol, segment) && isWanted(segment[13], segment));

    private bool TryTake(double seconds)
    {
        if (_host.TryReceive((protocol, segment) => IsMine(protocol, segment) && (segment[13] & Ack) != 0, seconds) is not { } segment)
        {
            return false;
        }

        uint acknowledged = BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(8));
        _acknowledged = (int)(acknowledged - _acknowledged) > 0 ? acknowledged : _acknowledged;
        _window = BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(14));
        if ((segment[13] & Fin) != 0 && BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(4)) == _expected)
        {
            _hasPeerEnded = true;
            _expected++;
            SendSegment(Ack, []);
        }

        return true;
    }

    private bool IsMine(byte protocol, byte[] segment)
    {
        if (protocol != IpFrame.Tcp || BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(2)) != _port)
        {
            return false;
        }

        Assert.True((segment[13] & 4) == 0, "the peer reset the connection");
        return _peerPort == 0 || BinaryPrimitives.ReadUInt16BigEndian(segment) == _peerPort;
    }

    private void SendSegment(byte flags, ReadOnlySpan<byte> payload)
    {
        bool isSyn = (flags & Syn) != 0;
        byte[] segment = new byte[Header + (isSyn ? 4 : 0) + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(segment, _port);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), _peerPort);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), _next);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), (flags & Ack) != 0 ? _expected : 0);
        segment[12] = (byte)((segment.Length - payload.Length) << 2);
        segment[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), Window);
        if (isSyn)
        {
            BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(Header), 0x0204_0000u | (uint)SegmentSize);
        }

        payload.CopyTo(segment.AsSpan(segment.Length - payload.Length));
        bool isCut = payload.Length > SegmentSize;
        _host.Send(_peer, IpFrame.Tcp, segment, isCut ? (ushort)SegmentSize : (ushort)0, isCut ? Header : 0);
    }
}
