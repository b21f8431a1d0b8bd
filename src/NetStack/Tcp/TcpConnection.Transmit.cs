namespace Makatea.NetStack;

// What is sent, and when: [RFC 9293] 3.8, [RFC 6675] 4 and 5. Data are not held back to be sent together: services write whole messages.
public sealed partial class TcpConnection
{
    private const int LeastSegmentSize = 64; // a peer that announces less gets this

    private int _peerSegmentSize = TcpHeader.DefaultSegmentSize4;
    private int _pathLimit = int.MaxValue; // of a whole packet, as ICMP or silence taught
    private int _segmentSize;
    private bool _isFinSent;
    private long _lastSent;

    /// <summary>Opens the connection.</summary>
    internal void Connect()
    {
        _state = TcpState.SynSent;
        _next = _initial + 1;
        _timedAt = Now;
        SendSyn();
    }

    /// <summary>Sends what may be sent; if nothing, an acknowledgement that is due.</summary>
    private void Transmit()
    {
        LimitSegmentSize();
        if (Flight == 0 && Now - _lastSent > _roundTrip.Timeout)
        {
            _congestion.Restart();
        }

        int pipe = _scoreboard.Pipe(_unacknowledged, _next, _retransmitted, _lostBefore, _segmentSize);
        while (_recovery != Recovery.None && (pipe + _segmentSize <= _congestion.Window || pipe == 0)
            && _scoreboard.TryFindLost(_retransmitted, _unacknowledged, _lostBefore, _segmentSize, out TcpRange lost))
        {
            pipe += Retransmit(lost);
        }

        while (TryChoose(pipe, out int length, out bool hasFin))
        {
            SendData(_next, length, hasFin);
            if (_timedAt < 0)
            {
                (_timedAt, _timedSequence) = (Now, _next + (uint)length);
            }

            _next += (uint)length + (hasFin ? 1u : 0);
            pipe += length + (hasFin ? 1 : 0);
            if (hasFin)
            {
                _isFinSent = true;
                _state = _state == TcpState.CloseWait ? TcpState.LastAck : TcpState.FinWait1;
            }
        }

        if (_acknowledgesNow)
        {
            SendAcknowledgement();
        }

        if (Flight > 0)
        {
            _persistAt = Never;
            _retransmitAt = _retransmitAt == Never ? Now + _roundTrip.Timeout : _retransmitAt;
        }
        else if (_send.End != _next && !_isFinSent && _persistAt == Never)
        {
            _persistAt = Now + _roundTrip.Timeout; // the peer has no room: ask it now and then
        }
    }

    // A segment of new data that both windows admit. No small ones where more is to come ([RFC 9293] 3.8.6.2.1).
    private bool TryChoose(int pipe, out int length, out bool hasFin)
    {
        int waiting = _isFinSent ? 0 : (int)(_send.End - _next);
        int admitted = (int)(_unacknowledged + (uint)_window - _next);
        length = Math.Min(Math.Min(waiting, _segmentSize), admitted);
        hasFin = _isFinQueued && !_isFinSent && length == waiting;
        bool isWorth = length > 0 && (length == _segmentSize || length == waiting || length >= _maximumWindow / 2);
        return (isWorth || (hasFin && waiting == 0)) && (pipe == 0 || pipe + length <= _congestion.Window);
    }

    private int Retransmit(TcpRange range)
    {
        int length = Math.Min(Math.Min(range.Length, _segmentSize), (int)(_send.End - range.Start));
        bool hasFin = _isFinSent && range.Start + (uint)length == _send.End;
        SendData(range.Start, length, hasFin);
        _host.Retransmissions++;
        _timedAt = -1;
        length += hasFin ? 1 : 0;
        _retransmitted = range.Start + (uint)length;
        return length;
    }

    private void SendData(uint sequence, int length, bool hasFin)
    {
        TcpHeader header = MakeHeader(sequence, TcpControl.Ack | (length > 0 ? TcpControl.Psh : 0) | (hasFin ? TcpControl.Fin : 0));
        int headerLength = TcpHeader.Length + (_hasTimestamps ? TcpHeader.TimestampsLength : 0);
        _send.Read(sequence, _host.Scratch.AsSpan(headerLength, length));
        _host.Send(_port, Key, header, headerLength, length);
        _lastSent = Now;
        Acknowledged(header);
    }

    private void SendAcknowledgement()
    {
        TcpHeader header = MakeHeader(_next, TcpControl.Ack);
        if (_isSack)
        {
            IReadOnlyList<TcpRange> ahead = _receive.Ahead;
            header.SackCount = Math.Min(ahead.Count, _hasTimestamps ? 3 : 4);
            for (int i = 0; i < header.SackCount; i++)
            {
                header.Sacks[i] = ahead[i];
            }
        }

        _host.Send(_port, Key, header, header.Write(_host.Scratch), 0);
        Acknowledged(header);
    }

    private void Acknowledged(in TcpHeader header)
    {
        _lastAcknowledged = header.Acknowledgement;
        (_acknowledgesNow, _acknowledgeAt, _unacknowledgedBytes) = (false, Never, 0);
    }

    private void SendSyn()
    {
        bool isAnswer = _state == TcpState.SynReceived;
        TcpHeader header = MakeHeader(_initial, TcpControl.Syn | (isAnswer ? TcpControl.Ack : 0));
        header.Window = (ushort)Math.Min(_host.Options.ReceiveBuffer, ushort.MaxValue); // never scaled ([RFC 7323] 2.2)
        header.SegmentSize = _host.SegmentSizeOf(_port, Key);
        header.Scale = isAnswer && _receiveScale == 0 ? -1 : ScaleOf(_host.Options.ReceiveBuffer);
        header.IsSackPermitted = isAnswer ? _isSack : _host.Options.HasSack;
        header.HasTimestamps = isAnswer ? _hasTimestamps : _host.Options.HasTimestamps;
        header.Timestamp = (uint)Now + _timestampOffset;
        _host.Send(_port, Key, header, header.Write(_host.Scratch), 0);
        _lastSent = Now;
        _retransmitAt = Now + _roundTrip.Timeout;
    }

    private void SendReset(uint sequence)
    {
        TcpHeader header = MakeHeader(sequence, _state == TcpState.SynSent ? TcpControl.Rst : TcpControl.Rst | TcpControl.Ack);
        _host.Send(_port, Key, header, header.Write(_host.Scratch), 0);
    }

    private TcpHeader MakeHeader(uint sequence, TcpControl control) => new()
    {
        SourcePort = Key.LocalPort,
        DestinationPort = Key.RemotePort,
        Sequence = sequence,
        Acknowledgement = (control & TcpControl.Ack) != 0 ? _receive.Next : 0,
        Control = control,
        Window = Advertise(),
        HasTimestamps = _hasTimestamps,
        Timestamp = (uint)Now + _timestampOffset,
        TimestampEcho = _timestampRecent,
    };

    // The window's right edge never moves back, and not by little ([RFC 9293] 3.8.6.2.2).
    private ushort Advertise()
    {
        uint edge = _receive.Next + (uint)_receive.Window;
        if (_receive.Ring.Length > 0 && (int)(edge - _advertised) >= Math.Min(_receive.Ring.Length / 2, _segmentSize))
        {
            _advertised = edge;
        }

        uint window = Math.Min((_advertised - _receive.Next) >> _receiveScale, ushort.MaxValue);
        return (ushort)window;
    }

    // After the application read: tells of room where the peer would otherwise wait.
    private void UpdateWindow()
    {
        uint edge = _receive.Next + (uint)_receive.Window;
        if (!_isFinReceived && _receive.Ring.Length > 0 && (int)(edge - _advertised) >= Math.Min(_receive.Ring.Length / 2, 2 * _segmentSize))
        {
            SendAcknowledgement();
        }
    }

    private void LimitSegmentSize()
    {
        int mtu = Math.Min(_host.Ip.Mtu(_port, Key.Remote), _pathLimit);
        int size = Math.Min(_peerSegmentSize, mtu - (Key.Remote.IsIPv4 ? 20 : 40) - TcpHeader.Length) - (_hasTimestamps ? TcpHeader.TimestampsLength : 0);
        size = Math.Max(size, LeastSegmentSize - TcpHeader.TimestampsLength);
        if (size != _segmentSize)
        {
            _segmentSize = size;
            _congestion.SetSegmentSize(size);
        }
    }
}
