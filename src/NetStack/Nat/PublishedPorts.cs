namespace Makatea.NetStack;

/// <summary>All published ports of a domain. Few, and looked at for new flows alone, so a list is enough.</summary>
internal sealed class PublishedPorts
{
    private readonly PublishedPort[] _ports;

    /// <exception cref="ArgumentException">Two lists the same port.</exception>
    public PublishedPorts(IReadOnlyList<PublishedPort> ports)
    {
        _ports = [.. ports];
        for (int i = 0; i < _ports.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (_ports[i].Protocol == _ports[j].Protocol && _ports[i].Address.IsIPv4 == _ports[j].Address.IsIPv4 && _ports[i].First <= _ports[j].Last && _ports[j].First <= _ports[i].Last)
                {
                    throw new ArgumentException($"port {Math.Max(_ports[i].First, _ports[j].First)} is published for {_ports[j].Address} and for {_ports[i].Address}; each leads to one qube", nameof(ports));
                }
            }
        }
    }

    /// <summary>Where a port of the uplink's address leads.</summary>
    public bool TryFind(bool isIPv4, byte protocol, ushort port, out IpAddress address, out ushort qubePort)
    {
        foreach (PublishedPort published in _ports)
        {
            if (published.Holds(isIPv4, protocol, port))
            {
                address = published.Address;
                qubePort = (ushort)(published.Port + (port - published.First));
                return true;
            }
        }

        address = default;
        qubePort = 0;
        return false;
    }

    /// <summary>The port of the uplink's address that leads to a qube's.</summary>
    public bool TryFindPublic(IpAddress address, byte protocol, ushort qubePort, out ushort port)
    {
        foreach (PublishedPort published in _ports)
        {
            if (published.LeadsTo(address, protocol, qubePort))
            {
                port = (ushort)(published.First + (qubePort - published.Port));
                return true;
            }
        }

        port = 0;
        return false;
    }

    /// <summary>A port leads somewhere, so that no flow of another qube's may use it.</summary>
    public bool Holds(bool isIPv4, byte protocol, ushort port) => TryFind(isIPv4, protocol, port, out _, out _);
}
