namespace Makatea.NetStack;

/// <summary>Hash of flows with a key that is a domain's secret, so that a guest, who chooses addresses and ports, cannot aim at one bucket of a table.</summary>
/// <param name="key">The secret.</param>
public readonly struct FlowKeyHash(UInt128 key)
{
    private readonly UInt128 _key = key;

    /// <summary>The hash of a flow's one direction.</summary>
    public ulong Of(in FlowKey flow)
    {
        var hash = new SipHash(_key);
        if (flow.Source.IsIPv4)
        {
            hash.Add(((ulong)flow.Source.IPv4 << 32) | flow.Destination.IPv4);
        }
        else
        {
            hash.Add(flow.Source.Value);
            hash.Add(flow.Destination.Value);
        }

        hash.Add(flow.Ports);
        return hash.Finish();
    }

    /// <summary>The hash of one end of flows.</summary>
    internal ulong Of(IpAddress address, ushort port, byte protocol)
    {
        var hash = new SipHash(_key);
        hash.Add(address.Value);
        hash.Add(((ulong)protocol << 16) | port);
        return hash.Finish();
    }
}
