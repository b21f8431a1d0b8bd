namespace Makatea.NetStack;

// What a segment does: [RFC 9293] 3.10.7, with the checks of [RFC 5961] and [RFC 7323] 5.
public sealed partial class TcpConnection
{
    private const long TimestampLifetime = 24L * 86_400_000;

    private bool _isSack;
    private bool _hasTimestamps;
    private uint _timestampRecent;
    private long _timestampRecentAt;
    private int _sendScale;
    private int _receiveScale;
    private uint _advertised; // right edge of the window that the peer knows
    private uint _lastAcknowledged; // the last that was sent
    private bool _acknowledgesNow;
    private int _largestReceived = 1;
    private int _unacknowledgedBytes; // received since
    private long _challenged = -TcpOptions.ChallengeInterval;

    private enum Verdict
    {
        Taken,
        Dropped,
    }

    internal void Receive(int port, in TcpHeader segment, ReadOnlySpan<byte> data)
    {
        if (_state == TcpState.SynSent)
        {
            ReceiveInSynSent(segment);
            return;
        }

        TcpHeader header = segment;
        if (_state == TcpState.SynReceived && header.Has(TcpControl.Syn) && header.Sequence + 1 == _receive.Next)
        {
            // The other half of a simultaneous open: its SYN is known.
            header.Control &= ~TcpControl.Syn;
            header.Sequence++;
        }

        if (Check(header, data.Length) == Verdict.Dropped)
        {
            return;
        }

        _heard = Now;
        _probes = 0;
        Acknowledge(header, data.Length);
        if (_state == TcpState.Closed)
        {
            return;
        }

        TakeData(header, data);
        if (_state != TcpState.Closed)
        {
            Transmit();
        }
    }

    private void ReceiveInSynSent(in TcpHeader header)
    {
        if (header.Has(TcpControl.Ack) && header.Acknowledgement != _initial + 1)
        {
            if (!header.Has(TcpControl.Rst))
            {
                SendReset(header.Acknowledgement);
            }

            return;
        }

        if (header.Has(TcpControl.Rst))
        {
            if (header.Has(TcpControl.Ack))
            {
                Fail(TcpFailure.Refused, $"{Key} refused the connection");
            }

            return;
        }

        if (!header.Has(TcpControl.Syn))
        {
            return;
        }

        if (!header.Has(TcpControl.Ack))
        {
            Synchronize(header);
            _state = TcpState.SynReceived;
            SendSyn();
            return;
        }

        if (_retransmissions == 0)
        {
            _roundTrip.Measure((int)Math.Min(Now - _timedAt, int.MaxValue));
        }

        _unacknowledged = _initial + 1;
        Synchronize(header);
        Establish();
        _acknowledgesNow = true;
        Transmit();
    }

    // Everything that keeps a segment from being looked at further.
    private Verdict Check(in TcpHeader header, int length)
    {
        bool isReset = header.Has(TcpControl.Rst);
        if (_hasTimestamps && !isReset)
        {
            if (!header.HasTimestamps)
            {
                return Verdict.Dropped; // [RFC 7323] 3.2
            }

            if (TcpSequence.IsBefore(header.Timestamp, _timestampRecent) && Now - _timestampRecentAt < TimestampLifetime)
            {
                return Challenge(length > 0); // PAWS, [RFC 7323] 5.3
            }
        }

        int span = length + (header.Has(TcpControl.Syn) ? 1 : 0) + (header.Has(TcpControl.Fin) ? 1 : 0);
        if (!IsInWindow(header.Sequence, span))
        {
            return isReset ? Verdict.Dropped : Challenge(span > 0);
        }

        if (isReset)
        {
            if (header.Sequence != _receive.Next)
            {
                return Challenge(false); // [RFC 5961] 3.2
            }

            Fail(_state == TcpState.SynReceived ? TcpFailure.Refused : TcpFailure.Reset, $"{Key} reset the connection");
            return Verdict.Dropped;
        }

        if (header.Has(TcpControl.Syn))
        {
            return Challenge(false); // [RFC 5961] 4.2
        }

        if (!header.Has(TcpControl.Ack))
        {
            return Verdict.Dropped;
        }

        // [RFC 5961] 5.2: what it acknowledges was sent, and not long ago.
        if (TcpSequence.IsBefore(_next, header.Acknowledgement) || TcpSequence.IsBefore(header.Acknowledgement, _unacknowledged - (uint)_maximumWindow))
        {
            return Challenge(false);
        }

        if (_state == TcpState.SynReceived)
        {
            if (header.Acknowledgement != _initial + 1)
            {
                SendReset(header.Acknowledgement);
                return Verdict.Dropped;
            }

            Establish();
        }

        if (_hasTimestamps && TcpSequence.IsAtOrBefore(header.Sequence, _lastAcknowledged) && TcpSequence.IsAtOrBefore(_timestampRecent, header.Timestamp))
        {
            (_timestampRecent, _timestampRecentAt) = (header.Timestamp, Now); // [RFC 7323] 4.3
        }

        return Verdict.Taken;
    }

    // [RFC 9293] table 6; without a window what is expected next is looked at all the same, for what it acknowledges.
    private bool IsInWindow(uint sequence, int length)
    {
        uint window = _advertised - _receive.Next;
        uint first = sequence - _receive.Next;
        uint last = first + (uint)length - 1;
        return first == 0 || first < window || (length > 0 && last < window);
    }

    // Says where this side is. Data that came again need it at once; for anything else not often, so that two hosts do not answer each other for ever.
    private Verdict Challenge(bool isData)
    {
        if (isData || Now - _challenged >= TcpOptions.ChallengeInterval)
        {
            _challenged = isData ? _challenged : Now;
            SendAcknowledgement();
        }

        return Verdict.Dropped;
    }

    private void TakeData(in TcpHeader header, ReadOnlySpan<byte> data)
    {
        if (_isFinReceived)
        {
            _acknowledgesNow |= data.Length > 0 || header.Has(TcpControl.Fin);
            return;
        }

        if (data.Length > 0)
        {
            if (_isInputUnwanted && _isFinQueued)
            {
                // Both pipes' users are gone ([RFC 9293] 3.6.1, [RFC 1122] 4.2.2.13).
                SendReset(_next);
                Fail(TcpFailure.Aborted, "data arrived that nobody is left to read");
                return;
            }

            bool hadGap = _receive.Ahead.Count > 0;
            bool isNext = _receive.Add(header.Sequence, data);
            _largestReceived = Math.Max(_largestReceived, data.Length);
            _unacknowledgedBytes += data.Length;

            // [RFC 5681] 4.2: at least every second segment, and at once what a gap's ends are.
            _acknowledgesNow |= !isNext || hadGap || _unacknowledgedBytes >= 2 * _largestReceived;
            if (!_acknowledgesNow && _acknowledgeAt == Never)
            {
                _acknowledgeAt = Now + TcpOptions.DelayedAck;
            }
        }

        if (header.Has(TcpControl.Fin) && header.Sequence + (uint)data.Length == _receive.Next)
        {
            TakeFin();
        }

        PushInput();
    }

    private void TakeFin()
    {
        _receive.SkipFin();
        _advertised = TcpSequence.Later(_advertised, _receive.Next);
        (_isFinReceived, _acknowledgesNow) = (true, true);
        switch (_state)
        {
            case TcpState.Established:
                _state = TcpState.CloseWait;
                break;
            case TcpState.FinWait1:
                _state = TcpState.Closing;
                break;
            case TcpState.FinWait2:
                SendAcknowledgement();
                Finish(waits: true);
                break;
        }
    }
}
