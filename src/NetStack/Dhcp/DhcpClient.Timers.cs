namespace Makatea.NetStack;

// When what is sent: [RFC 2131] 4.1 (doubling from 4 to 64 seconds, one second of jitter either way) and 4.4.5 (half of what is left, not below a minute).
public sealed partial class DhcpClient
{
    private const long Never = IHostTimer.Never;
    private const long FirstTimeout = 4000;
    private const long LastTimeout = 64000;
    private const long Jitter = 1000;
    private const long LeastRenewalTimeout = 60000;
    private const long AfterRefusal = 2000; // a server that offers and refuses is not to be asked in a circle
    private const int MaximumRequests = 4;
    private const int MaximumConfirmations = 2;

    private State _state;
    private DhcpLease? _offer; // asked for; the lease itself once there is one
    private uint _transaction;
    private int _sent; // messages in this state
    private long _began; // of the attempt to get an address, for the seconds field
    private long _asked; // when the request was first sent whose answer the lease is
    private long _resend = Never;
    private long _renewal = Never;
    private long _rebinding = Never;
    private long _expiry = Never;

    /// <inheritdoc/>
    public long Tick(long now)
    {
        if (now >= _expiry)
        {
            Lose();
            Enter(State.Selecting);
        }
        else if (now >= _rebinding && _state is State.Renewing or State.Bound)
        {
            Enter(State.Rebinding);
        }
        else if (now >= _renewal && _state == State.Bound)
        {
            Enter(State.Renewing);
        }

        if (now >= _resend)
        {
            Resend(now);
        }

        long timer = _state switch
        {
            State.Bound => Math.Min(_renewal, _rebinding),
            State.Renewing => _rebinding,
            _ => Never,
        };
        return Math.Min(Math.Min(_resend, timer), _expiry);
    }

    private void Enter(State state)
    {
        if (state is State.Selecting or State.Rebooting)
        {
            _began = _ip.Now;
        }

        if (state != State.Requesting) // which answers the offer, in the same transaction
        {
            _transaction = (uint)_random.Next();
        }

        (_state, _sent, _resend, _asked) = (state, 0, _ip.Now, _ip.Now);
    }

    private void Resend(long now)
    {
        if ((_state == State.Requesting && _sent >= MaximumRequests) || (_state == State.Rebooting && _sent >= MaximumConfirmations))
        {
            if (_state == State.Rebooting && Lease is { })
            {
                Settle(); // nobody answers: the lease holds for as long as it was given ([RFC 2131] 3.2)
                return;
            }

            Enter(State.Selecting);
        }

        switch (_state)
        {
            case State.Selecting:
                Send(DhcpMessageType.Discover, null, IpAddress.Any4, IpAddress.Broadcast4);
                break;
            case State.Requesting or State.Rebooting:
                Send(DhcpMessageType.Request, _offer, IpAddress.Any4, IpAddress.Broadcast4);
                break;
            default:
                Send(DhcpMessageType.Request, Lease, Lease!.Address, _state == State.Renewing ? Lease.Server : IpAddress.Broadcast4);
                break;
        }

        long timeout = _state switch
        {
            State.Renewing => Math.Max((_rebinding - now) / 2, LeastRenewalTimeout),
            State.Rebinding => Math.Max((_expiry - now) / 2, LeastRenewalTimeout),
            _ => Math.Min(FirstTimeout << Math.Min(_sent, 8), LastTimeout) + _random.Next((int)(2 * Jitter)) - Jitter,
        };
        (_resend, _sent) = (now + timeout, _sent + 1);
    }

    private void Bind(DhcpLease lease)
    {
        bool isEndless = lease.Seconds == uint.MaxValue;
        _expiry = isEndless ? Never : _asked + (lease.Seconds * 1000L);
        _renewal = isEndless ? Never : _asked + (lease.RenewalSeconds * 1000L);
        _rebinding = isEndless ? Never : _asked + (lease.RebindingSeconds * 1000L);
        _offer = lease;
        Lease = lease;
        Settle();
        _changed(lease);
    }

    private void Settle() => (_state, _resend) = (State.Bound, Never);

    private void Lose()
    {
        (_offer, _expiry, _renewal, _rebinding) = (null, Never, Never, Never);
        if (Lease is not null)
        {
            Lease = null;
            _changed(null);
        }
    }

    private void Send(DhcpMessageType type, DhcpLease? lease, IpAddress source, IpAddress destination)
    {
        var message = new DhcpMessage
        {
            IsReply = false,
            Transaction = _transaction,
            Seconds = (ushort)Math.Min((_ip.Now - _began) / 1000, ushort.MaxValue),
            WantsBroadcast = source.IsUnspecified,
            ClientAddress = source,
            Hardware = _address,
            Type = type,
        };
        DhcpOptions options = message.Options;
        if (type != DhcpMessageType.Release)
        {
            options.Set(DhcpOption.ParameterList, _wanted);
            options.Set(DhcpOption.MaximumMessageSize, 1500 >> 8, 1500 & 0xff);
        }

        if (lease is not null && source.IsUnspecified)
        {
            options.Set(DhcpOption.RequestedAddress, lease.Address.IPv4);
        }

        // Names the server that was chosen, or that gets its address back; not to confirm, renew or rebind ([RFC 2131] table 5).
        if (lease is not null && (_state == State.Requesting || type == DhcpMessageType.Release))
        {
            options.Set(DhcpOption.ServerIdentifier, lease.Server.IPv4);
        }

        Span<byte> buffer = stackalloc byte[DhcpMessage.MaximumWritten];
        int length = message.Write(buffer);
        _udp.Send(_port, source, DhcpMessage.ClientPort, destination, DhcpMessage.ServerPort, buffer[..length]);
    }
}
