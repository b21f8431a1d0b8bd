namespace Makatea.NetStack;

// What happens when time has passed, and when a router says that a packet did not arrive.
public sealed partial class TcpConnection
{
    private const long Never = IHostTimer.Never;
    private const int BlackHole = 3; // timeouts in a row after which segments are made small ([RFC 8899] 4.3)
    private const int LeastPath4 = 576;
    private const int LeastPath6 = 1280;
    private const long LongestPersist = 60_000;

    private long _retransmitAt = Never;
    private long _persistAt = Never;
    private long _acknowledgeAt = Never;
    private long _heard;
    private int _retransmissions;
    private int _persists;
    private int _probes;

    internal long Deadline => Math.Min(Math.Min(Math.Min(_retransmitAt, _persistAt), _acknowledgeAt), SilenceAt);

    private long SilenceAt => _state == TcpState.FinWait2 ? Math.Min(KeepAliveAt, _heard + TcpOptions.FinWait) : KeepAliveAt;

    private long KeepAliveAt => _host.Options.KeepAliveIdle == 0 || _state is TcpState.Closed or TcpState.SynSent or TcpState.SynReceived
        ? Never
        : _heard + _host.Options.KeepAliveIdle + (_probes * _host.Options.KeepAliveInterval);

    internal void Tick(long now)
    {
        if (_state == TcpState.FinWait2 && now >= _heard + TcpOptions.FinWait)
        {
            SendReset(_next);
            Fail(TcpFailure.TimedOut, $"{Key} is silent, and did not end its side");
            return;
        }

        if (now >= KeepAliveAt)
        {
            AskWhetherAlive();
        }

        if (_state != TcpState.Closed && now >= _acknowledgeAt)
        {
            SendAcknowledgement();
        }

        if (_state != TcpState.Closed && now >= _persistAt)
        {
            Persist(now);
        }

        if (_state != TcpState.Closed && now >= _retransmitAt)
        {
            TimeOut();
        }
    }

    internal void ReceiveError(in IpErrorInfo error, uint sequence)
    {
        // Only what is on its way can have met a router ([RFC 5927] 4.1).
        if (TcpSequence.IsBefore(sequence, _unacknowledged) || !TcpSequence.IsBefore(sequence, _next))
        {
            return;
        }

        if (error.Kind == IpErrorKind.PacketTooBig)
        {
            ReducePath(error.Mtu == 0 ? LeastPath : error.Mtu);
        }
        else if (_state == TcpState.SynSent && error.Kind is IpErrorKind.Refused or IpErrorKind.Prohibited)
        {
            Fail(error.Kind == IpErrorKind.Refused ? TcpFailure.Refused : TcpFailure.Unreachable, $"{error.Reporter} says that {Key} is not to be reached");
        }
    }

    private int LeastPath => Key.Remote.IsIPv4 ? LeastPath4 : LeastPath6;

    // [RFC 1191] 6.3, [RFC 8201] 5.4: not below what every link carries, never up; what was too large is sent again, which is no sign of congestion.
    private void ReducePath(int mtu)
    {
        int old = _segmentSize;
        _pathLimit = Math.Min(_pathLimit, Math.Max(mtu, LeastPath));
        LimitSegmentSize();
        if (_segmentSize < old && Flight > 0 && _state is not TcpState.SynSent and not TcpState.SynReceived)
        {
            SendAgain();
            Transmit();
        }
    }

    // [RFC 6298] 5.4 to 5.7.
    private void TimeOut()
    {
        bool isOpening = _state is TcpState.SynSent or TcpState.SynReceived;
        if (++_retransmissions > (isOpening ? _host.Options.MaximumSynRetransmissions : _host.Options.MaximumRetransmissions))
        {
            Fail(TcpFailure.TimedOut, $"{Key} did not answer {_retransmissions} times");
            return;
        }

        _roundTrip.BackOff();
        if (isOpening)
        {
            _host.Retransmissions++;
            SendSyn();
            return;
        }

        if (_retransmissions == BlackHole && _segmentSize > LeastPath)
        {
            _pathLimit = LeastPath;
        }

        if (_window > 0)
        {
            _congestion.TimeOut(_retransmissions == 1);
        }

        _scoreboard.Clear();
        SendAgain();
        _retransmitAt = Now + _roundTrip.Timeout;
        Transmit();
    }

    // Zero-window probes: a byte that the peer may take or not, and answers in either case ([RFC 9293] 3.8.6.1). It has no place for it, so this is not a loss.
    private void Persist(long now)
    {
        SendData(_next, 1, false);
        _next++;
        _persists = Math.Min(_persists + 1, 8);
        _persistAt = Never;
        _retransmitAt = now + Math.Min((long)_roundTrip.Timeout << _persists, LongestPersist);
    }

    // [RFC 9293] 3.8.4: a segment of nothing, one before what is expected.
    private void AskWhetherAlive()
    {
        if (_probes++ >= _host.Options.KeepAliveProbes)
        {
            SendReset(_next);
            Fail(TcpFailure.TimedOut, $"{Key} is silent");
            return;
        }

        TcpHeader header = MakeHeader(_unacknowledged - 1, TcpControl.Ack);
        _host.Send(_port, Key, header, header.Write(_host.Scratch), 0);
        Acknowledged(header);
    }
}
