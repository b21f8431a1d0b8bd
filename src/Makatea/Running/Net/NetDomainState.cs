using Makatea.Domains.Net;
using Makatea.Platform;

namespace Makatea.Running;

/// <summary>
/// What a net domain is told, as it is now: as the system file says, until commands change rules and links. It is the manager's, so a domain that is started again finds the changes; they
/// end with the system.
/// </summary>
/// <param name="original">As the file says.</param>
internal sealed class NetDomainState(NetDomainOptions original)
{
    private readonly Lock _lock = new();
    private NetDomainOptions _options = original;

    /// <summary>As the file says.</summary>
    public NetDomainOptions Original { get; } = original;

    /// <summary>As it is now, for the manifest.</summary>
    public IReadOnlyList<ManifestDevice> Devices
    {
        get
        {
            lock (_lock)
            {
                return _options.ToDevices();
            }
        }
    }

    /// <summary>A client as it is now.</summary>
    public ClientOptions ClientOf(string name)
    {
        lock (_lock)
        {
            return _options.Clients.First(c => c.Name == name);
        }
    }

    /// <summary>A client is different from now on.</summary>
    public void Change(ClientOptions client)
    {
        lock (_lock)
        {
            _options = _options with { Clients = [.. _options.Clients.Select(c => c.Name == client.Name ? client : c)] };
        }
    }
}
