namespace Makatea.NetStack;

// What an acknowledgement does: [RFC 9293] 3.10.7.4, loss recovery of [RFC 6675] and [RFC 6582].
public sealed partial class TcpConnection
{
    private uint _unacknowledged; // SND.UNA
    private uint _next; // SND.NXT
    private int _window; // SND.WND
    private int _maximumWindow;
    private uint _windowSequence; // SND.WL1
    private uint _windowAcknowledgement; // SND.WL2
    private Recovery _recovery;
    private uint _recover; // recovery ends when all before this is acknowledged
    private uint _retransmitted; // behind what was sent again in this recovery
    private uint _lostBefore; // all before this that the peer does not have is lost
    private uint _timedSequence; // the segment whose round trip is measured where there are no timestamps
    private long _timedAt = -1;

    private enum Recovery
    {
        None,
        Fast,
        Timeout,
    }

    private int Flight => (int)(_next - _unacknowledged);

    private void Acknowledge(in TcpHeader header, int length)
    {
        uint acknowledgement = header.Acknowledgement;
        int window = header.Window << _sendScale;
        bool isNewInformation = _isSack && _scoreboard.Update(header, TcpSequence.Later(_unacknowledged, acknowledgement), _next);
        if (TcpSequence.IsBefore(_unacknowledged, acknowledgement))
        {
            Advance(header);
        }
        else if (acknowledgement == _unacknowledged && Flight > 0 && (_isSack ? isNewInformation : length == 0 && window == _window && !header.Has(TcpControl.Fin)))
        {
            _scoreboard.Duplicates++;
        }

        if (_window == 0)
        {
            _retransmissions = 0; // the peer is there and has no room: that may last ([RFC 9293] 3.8.6.1)
        }

        if (TcpSequence.IsBefore(_windowSequence, header.Sequence)
            || (_windowSequence == header.Sequence && TcpSequence.IsAtOrBefore(_windowAcknowledgement, acknowledgement)))
        {
            bool isOpened = _window == 0 && window > 0;
            (_window, _windowSequence, _windowAcknowledgement) = (window, header.Sequence, acknowledgement);
            _maximumWindow = Math.Max(_maximumWindow, window);
            if (window > 0)
            {
                (_persistAt, _persists) = (Never, 0);
            }

            if (isOpened && Flight > 0)
            {
                // What probed the window was not taken.
                _roundTrip.Recover();
                SendAgain();
            }
        }

        if (_recovery == Recovery.None && Flight > 0 && _scoreboard.IsFirstLost(_unacknowledged, _segmentSize) && (_isSack || TcpSequence.IsBefore(_recover, _unacknowledged)))
        {
            BeginFastRecovery();
        }

        if (_isFinSent && _unacknowledged == _next)
        {
            FinAcknowledged();
        }
    }

    private void Advance(in TcpHeader header)
    {
        int bytes = (int)(header.Acknowledgement - _unacknowledged);
        bool isLimited = 2L * Flight >= _congestion.Window;
        _unacknowledged = header.Acknowledgement;
        _send.Release(_unacknowledged);
        MeasureRoundTrip(header);
        (_retransmissions, _retransmitAt) = (0, Flight > 0 ? Now + _roundTrip.Timeout : Never);
        _scoreboard.Acknowledge(_unacknowledged);
        _retransmitted = TcpSequence.Later(_retransmitted, _unacknowledged);
        _lostBefore = TcpSequence.Later(_lostBefore, _unacknowledged);
        if (_recovery != Recovery.None && !TcpSequence.IsBefore(_unacknowledged, _recover))
        {
            _recovery = Recovery.None;
        }

        if (_recovery == Recovery.Fast)
        {
            // A partial acknowledgement: the segment behind it is lost, too, unless it is on its way again ([RFC 6582] 3.2).
            if (_retransmitted == _unacknowledged)
            {
                _lostBefore = TcpSequence.Earlier(_unacknowledged + (uint)_segmentSize, _recover);
                Retransmit(new(_unacknowledged, _lostBefore));
            }
        }
        else if (isLimited || _recovery == Recovery.Timeout)
        {
            _congestion.Acknowledge(bytes, Now, _roundTrip.Smoothed);
        }

        PullOutput();
    }

    private void MeasureRoundTrip(in TcpHeader header)
    {
        if (_hasTimestamps && header.TimestampEcho != 0)
        {
            uint elapsed = (uint)Now + _timestampOffset - header.TimestampEcho;
            if (elapsed < TcpOptions.FinWait) // a peer may make it up; what is longer than any timeout is not a round trip
            {
                _roundTrip.Measure((int)elapsed);
            }
        }
        else if (_timedAt >= 0 && !TcpSequence.IsBefore(_unacknowledged, _timedSequence))
        {
            _roundTrip.Measure((int)Math.Min(Now - _timedAt, int.MaxValue));
        }

        _timedAt = TcpSequence.IsBefore(_unacknowledged, _timedSequence) ? _timedAt : -1;
        _roundTrip.Recover();
    }

    private void BeginFastRecovery()
    {
        (_recovery, _recover) = (Recovery.Fast, _next);
        _congestion.Lose();
        (_retransmitted, _lostBefore) = (_unacknowledged, TcpSequence.Earlier(_unacknowledged + (uint)_segmentSize, _next));
        _timedAt = -1; // [RFC 6298] 3: no round trip of what was sent twice
        if (_scoreboard.TryFindLost(_unacknowledged, _unacknowledged, _lostBefore, _segmentSize, out TcpRange first))
        {
            Retransmit(first); // whatever the pipe ([RFC 6675] 5, 4.3)
            _retransmitAt = Now + _roundTrip.Timeout;
        }
    }

    /// <summary>Takes all that is under way for lost, and none of it for a sign of congestion.</summary>
    private void SendAgain() => (_recovery, _recover, _retransmitted, _lostBefore) = (Recovery.Timeout, _next, _unacknowledged, _next);

    private void FinAcknowledged()
    {
        switch (_state)
        {
            case TcpState.FinWait1:
                _state = TcpState.FinWait2;
                break;
            case TcpState.Closing:
                Finish(waits: true);
                break;
            case TcpState.LastAck:
                Finish(waits: false);
                break;
        }
    }
}
