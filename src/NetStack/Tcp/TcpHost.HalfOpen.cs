namespace Makatea.NetStack;

// Connections that are not open yet, or no longer.
public sealed partial class TcpHost
{
    private const long Never = IHostTimer.Never;

    private readonly Dictionary<TcpKey, TcpHalfOpen> _halfOpen = [];
    private readonly Dictionary<TcpKey, TcpTimeWait> _timeWaits = [];
    private readonly Queue<TcpTimeWait> _timeWaitOrder = new(); // by expiry, but for those that were put off
    private readonly List<TcpHalfOpen> _dueHalfOpen = [];

    internal int HalfOpen => _halfOpen.Count;

    internal int TimeWaits => _timeWaits.Count;

    internal void AddTimeWait(TcpTimeWait closed)
    {
        while (_timeWaitOrder.Count >= Options.MaximumTimeWait)
        {
            Forget(_timeWaitOrder.Dequeue());
        }

        closed.Expires = Ip.Now + Options.TimeWait;
        _timeWaits[closed.Key] = closed;
        _timeWaitOrder.Enqueue(closed);
    }

    /// <summary>Largest segment to announce: what the link carries.</summary>
    internal ushort SegmentSizeOf(int port, in TcpKey key) => (ushort)(Ip.Mtu(port, key.Remote) - (key.Remote.IsIPv4 ? 20 : 40) - TcpHeader.Length);

    private bool TryReceiveHalfOpen(in IpPacketInfo info, in TcpKey key, in TcpHeader header, ReadOnlySpan<byte> data)
    {
        if (_halfOpen.TryGetValue(key, out TcpHalfOpen? half))
        {
            return TryComplete(info, half, header, data);
        }

        if (!_listeners.TryGetValue(key.LocalPort, out TcpListener? listener) || listener.Admits?.Invoke(info) == false)
        {
            return false;
        }

        if (header.Has(TcpControl.Rst | TcpControl.Ack) || !header.Has(TcpControl.Syn))
        {
            return header.Has(TcpControl.Rst);
        }

        if (_connections.Count >= Options.MaximumConnections || _accepted.GetValueOrDefault(info.Port) >= Options.MaximumConnectionsPerPort)
        {
            Refused++;
            return true; // it tries again
        }

        MakeRoom(info.Port);
        half = new(key, listener, info.Port, header, InitialSequence(key), TimestampOffset(key), Ip.Now);
        _halfOpen.Add(key, half);
        Answer(half);
        return true;
    }

    // The third segment of the handshake, or the first again ([RFC 9293] 3.10.7.4).
    private bool TryComplete(in IpPacketInfo info, TcpHalfOpen half, in TcpHeader header, ReadOnlySpan<byte> data)
    {
        uint next = half.Syn.Sequence + 1;
        if (header.Has(TcpControl.Rst))
        {
            if (header.Sequence == next)
            {
                _halfOpen.Remove(half.Key);
            }

            return true;
        }

        if (header.Has(TcpControl.Syn) && !header.Has(TcpControl.Ack))
        {
            Answer(half);
            return true;
        }

        if (!header.Has(TcpControl.Ack) || header.Acknowledgement != half.Initial + 1)
        {
            return false;
        }

        bool isOld = half.Syn.HasTimestamps && header.HasTimestamps && TcpSequence.IsBefore(header.Timestamp, half.Syn.Timestamp);
        if (isOld || header.Sequence - next >= (uint)Options.ReceiveBuffer)
        {
            Answer(half);
            return true;
        }

        if (_connections.Count >= Options.MaximumConnections || _accepted.GetValueOrDefault(half.Port) >= Options.MaximumConnectionsPerPort)
        {
            Refused++;
            return true;
        }

        _halfOpen.Remove(half.Key);
        var connection = new TcpConnection(this, half);
        _connections.Add(half.Key, connection);
        _accepted[half.Port] = _accepted.GetValueOrDefault(half.Port) + 1;
        half.Listener.Accepted(connection);
        connection.Receive(info.Port, header, data);
        return true;
    }

    private void Answer(TcpHalfOpen half)
    {
        var header = new TcpHeader
        {
            SourcePort = half.Key.LocalPort,
            DestinationPort = half.Key.RemotePort,
            Sequence = half.Initial,
            Acknowledgement = half.Syn.Sequence + 1,
            Control = TcpControl.Syn | TcpControl.Ack,
            Window = (ushort)Math.Min(Options.ReceiveBuffer, ushort.MaxValue),
            SegmentSize = SegmentSizeOf(half.Port, half.Key),
            Scale = half.Syn.Scale < 0 ? -1 : TcpConnection.ScaleOf(Options.ReceiveBuffer),
            IsSackPermitted = half.Syn.IsSackPermitted && Options.HasSack,
            HasTimestamps = half.Syn.HasTimestamps && Options.HasTimestamps,
            Timestamp = (uint)Ip.Now + half.TimestampOffset,
            TimestampEcho = half.Syn.Timestamp,
        };
        Send(half.Port, half.Key, header, header.Write(Scratch), 0);
    }

    private void MakeRoom(int port)
    {
        TcpHalfOpen? oldest = null;
        int count = 0;
        foreach (TcpHalfOpen half in _halfOpen.Values)
        {
            if (half.Port == port)
            {
                count++;
                oldest = oldest is null || half.Sent - (half.Retransmissions * 1000L) < oldest.Sent - (oldest.Retransmissions * 1000L) ? half : oldest;
            }
        }

        if (count >= Options.MaximumHalfOpenPerPort)
        {
            _halfOpen.Remove(oldest!.Key);
        }
    }

    private long TickHalfOpen(long now)
    {
        long next = Never;
        foreach (TcpHalfOpen half in _halfOpen.Values)
        {
            if (half.Deadline <= now)
            {
                _dueHalfOpen.Add(half);
            }
            else
            {
                next = Math.Min(next, half.Deadline);
            }
        }

        foreach (TcpHalfOpen half in _dueHalfOpen)
        {
            half.Retransmissions++;
            half.Sent = now;
            if (half.Retransmissions > Options.MaximumSynRetransmissions)
            {
                _halfOpen.Remove(half.Key);
            }
            else
            {
                Answer(half);
                next = Math.Min(next, half.Deadline);
            }
        }

        _dueHalfOpen.Clear();
        return next;
    }

    private bool TryReceiveTimeWait(in TcpKey key, in TcpHeader header)
    {
        if (!_timeWaits.TryGetValue(key, out TcpTimeWait? closed))
        {
            return false;
        }

        if (header.Has(TcpControl.Rst))
        {
            return true; // [RFC 1337]: TIME-WAIT is not cut short
        }

        if (header.Has(TcpControl.Syn) && !header.Has(TcpControl.Ack) && closed.Admits(header))
        {
            _timeWaits.Remove(key);
            return false;
        }

        if (header.Has(TcpControl.Fin))
        {
            closed.Expires = Ip.Now + Options.TimeWait;
        }

        if (Ip.Now - closed.Challenged >= TcpOptions.ChallengeInterval)
        {
            closed.Challenged = Ip.Now;
            var answer = new TcpHeader
            {
                SourcePort = key.LocalPort,
                DestinationPort = key.RemotePort,
                Sequence = closed.Sent,
                Acknowledgement = closed.Received,
                Control = TcpControl.Ack,
                HasTimestamps = closed.HasTimestamps,
                Timestamp = (uint)Ip.Now + closed.TimestampOffset,
                TimestampEcho = closed.Timestamp,
            };
            Send(closed.Port, key, answer, answer.Write(Scratch), 0);
        }

        return true;
    }

    private long TickTimeWaits(long now)
    {
        while (_timeWaitOrder.TryPeek(out TcpTimeWait? closed))
        {
            if (closed.Expires > now)
            {
                return closed.Expires;
            }

            Forget(_timeWaitOrder.Dequeue());
        }

        return Never;
    }

    private void Forget(TcpTimeWait closed)
    {
        if (_timeWaits.TryGetValue(closed.Key, out TcpTimeWait? current) && current == closed)
        {
            _timeWaits.Remove(closed.Key);
        }
    }
}
