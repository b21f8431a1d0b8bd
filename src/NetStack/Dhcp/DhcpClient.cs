using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// Gets the uplink's address and keeps it: the client of [RFC 2131] 4.4. The first offer is taken. It asks for answers by broadcast, as the router takes no packets for an address that is not its own yet.
/// </summary>
public sealed partial class DhcpClient : IUdpHandler, IHostTimer
{
    private static readonly byte[] _wanted =
    [
        (byte)DhcpOption.SubnetMask, (byte)DhcpOption.ClasslessRoutes, (byte)DhcpOption.Router, (byte)DhcpOption.DnsServers, (byte)DhcpOption.InterfaceMtu, (byte)DhcpOption.LeaseTime,
        (byte)DhcpOption.RenewalTime, (byte)DhcpOption.RebindingTime,
    ];

    private readonly IIpLayer _ip;
    private readonly UdpHost _udp;
    private readonly NetRandom _random;
    private readonly int _port;
    private readonly MacAddress _address;
    private readonly Action<DhcpLease?> _changed;

    /// <summary>Makes it; it does nothing before <see cref="Start"/>.</summary>
    /// <param name="ip">What it sends with.</param>
    /// <param name="udp">Where it opens the client's port.</param>
    /// <param name="random">Chooses transactions and jitter.</param>
    /// <param name="port">The uplink.</param>
    /// <param name="address">The uplink's Ethernet address.</param>
    /// <param name="changed">Gets the lease whenever there is another, and null when there is none any more.</param>
    public DhcpClient(IIpLayer ip, UdpHost udp, NetRandom random, int port, MacAddress address, Action<DhcpLease?> changed)
    {
        (_ip, _udp, _random, _port, _address, _changed) = (ip, udp, random, port, address, changed);
    }

    private enum State
    {
        Stopped,
        Selecting,
        Requesting,
        Rebooting,
        Bound,
        Renewing,
        Rebinding,
    }

    /// <summary>The lease that is held.</summary>
    public DhcpLease? Lease { get; private set; }

    /// <summary>Messages that were malformed, or not for this client.</summary>
    public long Dropped { get; private set; }

    /// <summary>Begins: looks for a server, or asks whether a remembered lease still holds (INIT-REBOOT).</summary>
    /// <param name="remembered">A lease from before; null looks for a new one.</param>
    public void Start(DhcpLease? remembered = null)
    {
        if (_state == State.Stopped && !_udp.TryOpen(DhcpMessage.ClientPort, this))
        {
            throw new InvalidOperationException("the DHCP client's port is open already");
        }

        _offer = remembered;
        Enter(remembered is null ? State.Selecting : State.Rebooting);
    }

    /// <summary>Asks again whether the lease holds, such as after the link was down.</summary>
    public void Confirm()
    {
        if (_state is State.Bound or State.Renewing or State.Rebinding)
        {
            Start(Lease);
        }
    }

    /// <summary>Gives the lease back, if the way to the server is known, and ends.</summary>
    public void Stop()
    {
        if (Lease is { } lease)
        {
            Send(DhcpMessageType.Release, lease, lease.Address, lease.Server);
            Lose();
        }

        if (_state != State.Stopped)
        {
            _udp.Close(DhcpMessage.ClientPort);
            (_state, _resend) = (State.Stopped, Never);
        }
    }

    /// <inheritdoc/>
    public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        if (info.Port != _port || sourcePort != DhcpMessage.ServerPort || !DhcpMessage.TryRead(data, out DhcpMessage message) || !message.IsReply
            || message.Transaction != _transaction || message.Hardware != _address)
        {
            Dropped++;
            return;
        }

        switch (message.Type)
        {
            case DhcpMessageType.Offer when _state == State.Selecting && DhcpLease.TryRead(message, out DhcpLease offer):
                _offer = offer;
                Enter(State.Requesting);
                break;
            case DhcpMessageType.Ack when _state is State.Requesting or State.Rebooting or State.Renewing or State.Rebinding && DhcpLease.TryRead(message, out DhcpLease lease) && IsAsked(lease):
                Bind(lease);
                break;
            case DhcpMessageType.Nak when _state is State.Requesting or State.Rebooting or State.Renewing or State.Rebinding && IsFromAsked(message):
                Lose();
                Enter(State.Selecting);
                _resend = _ip.Now + AfterRefusal;
                break;
            default:
                Dropped++;
                break;
        }
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
    }

    // A renewal may change all but the address: another one is another lease.
    private bool IsAsked(DhcpLease lease) => lease.Address == _offer!.Address && (_state != State.Requesting || lease.Server == _offer.Server);

    private bool IsFromAsked(DhcpMessage message) => _state is State.Rebooting or State.Rebinding || message.Options.Address(DhcpOption.ServerIdentifier) == _offer!.Server;
}
