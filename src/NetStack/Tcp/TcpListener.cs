namespace Makatea.NetStack;

/// <summary>Takes connections on a port.</summary>
public sealed class TcpListener
{
    private readonly TcpHost _host;

    internal TcpListener(TcpHost host, ushort port, Action<TcpConnection> accepted, Func<IpPacketInfo, bool>? admits)
    {
        (_host, Port, Accepted, Admits) = (host, port, accepted, admits);
    }

    /// <summary>The port.</summary>
    public ushort Port { get; }

    internal Action<TcpConnection> Accepted { get; }

    internal Func<IpPacketInfo, bool>? Admits { get; }

    /// <summary>Takes no more connections; those that were taken go on. On the forwarding thread.</summary>
    public void Close() => _host.Remove(this);
}
