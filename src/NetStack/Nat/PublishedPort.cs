namespace Makatea.NetStack;

/// <summary>Ports of the uplink's address that lead to a qube, whoever asks.</summary>
public sealed record PublishedPort
{
    /// <summary>Publishes ports.</summary>
    /// <param name="protocol">6 (TCP) or 17 (UDP).</param>
    /// <param name="first">First port of the uplink's address of the family of <paramref name="address"/>.</param>
    /// <param name="last">Last port.</param>
    /// <param name="address">Address of the qube.</param>
    /// <param name="port">Port of the qube that <paramref name="first"/> leads to; the others follow it.</param>
    /// <exception cref="ArgumentException">It is no range, or does not fit behind <paramref name="port"/>, or the protocol has no ports.</exception>
    public PublishedPort(byte protocol, ushort first, ushort last, IpAddress address, ushort port)
    {
        if (protocol is not (IpProtocol.Tcp or IpProtocol.Udp))
        {
            throw new ArgumentException($"ports of protocol {protocol} cannot be published; those of 6 (TCP) and 17 (UDP) can", nameof(protocol));
        }

        if (first == 0 || last < first || port == 0 || port + (last - first) > ushort.MaxValue)
        {
            throw new ArgumentException($"ports {first} to {last} cannot lead to {port} and on: ports are 1 to 65535, and the last is not before the first", nameof(last));
        }

        (Protocol, First, Last, Address, Port) = (protocol, first, last, address, port);
    }

    /// <summary>Protocol of the ports.</summary>
    public byte Protocol { get; }

    /// <summary>First port of the uplink's address.</summary>
    public ushort First { get; }

    /// <summary>Last port of the uplink's address.</summary>
    public ushort Last { get; }

    /// <summary>Address of the qube.</summary>
    public IpAddress Address { get; }

    /// <summary>Port of the qube that the first leads to.</summary>
    public ushort Port { get; }

    internal bool Holds(bool isIPv4, byte protocol, ushort port) => Protocol == protocol && port >= First && port <= Last && Address.IsIPv4 == isIPv4;

    internal bool LeadsTo(IpAddress address, byte protocol, ushort port) =>
        Protocol == protocol && Address == address && port >= Port && port - Port <= Last - First;
}
