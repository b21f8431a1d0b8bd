namespace Makatea.NetStack;

/// <summary>Chooses the port of the uplink's address that a qube's flow goes out with.</summary>
/// <remarks>
/// In this order: the port that is published for the qube's; the one that the qube's port already has; the same number ([RFC 4787] 4.2.1); one at random, from a sequence that
/// nobody outside foresees ([RFC 6056] 3.3); and where none is free, one that other flows have as well, to other peers. ICMP identifiers are ports here ([RFC 5508] 3.1).
/// Numbers below <see cref="FirstPort"/> and <see cref="EphemeralPorts"/> are the domain's own.
/// </remarks>
internal sealed class SourceNat(FlowTable table, PortMappings mappings, UInt128 secret)
{
    /// <summary>First port that stands for a qube's. Those below are services'; that a port below stays below ([RFC 4787] 4.2.1) matters to nothing in use.</summary>
    internal const int FirstPort = 1024;

    /// <summary>No mapping: a protocol without ports, a published or a shared port.</summary>
    internal const int NoMapping = -1;

    private const int Attempts = 64;
    private const int OwnPorts = EphemeralPorts.Last - EphemeralPorts.First + 1;
    private ulong _drawn;

    /// <summary>Ports that lead to qubes.</summary>
    internal PublishedPorts Published { get; set; } = new([]);

    /// <summary>Chooses.</summary>
    /// <param name="original">What the flow's first packet carries.</param>
    /// <param name="destination">Where it goes: that is <paramref name="original"/>'s, but for hairpins.</param>
    /// <param name="port">Port there.</param>
    /// <param name="external">The uplink's address.</param>
    /// <param name="reply">What answers will carry.</param>
    /// <param name="mapping">To be <see cref="PortMappings.Release">released</see> when the flow ends; less than 0 where there is none.</param>
    /// <returns>False where there is no port.</returns>
    internal bool TryMap(in FlowKey original, IpAddress destination, ushort port, IpAddress external, out FlowKey reply, out int mapping)
    {
        mapping = NoMapping;
        reply = new(destination, external, port, original.SourcePort, original.Protocol);
        if (!HasPorts(original))
        {
            reply = reply with { DestinationPort = 0 };
            return table.IsUnused(reply);
        }

        if (Published.TryFindPublic(original.Source, original.Protocol, original.SourcePort, out ushort published))
        {
            reply = reply with { DestinationPort = published };
            return table.IsUnused(reply);
        }

        mapping = mappings.Find(original.Source, original.SourcePort, original.Protocol);
        if (mapping >= 0)
        {
            reply = reply with { DestinationPort = mappings.ExternalPort(mapping) };
            if (table.IsUnused(reply))
            {
                mappings.Keep(mapping);
                return true;
            }

            mapping = NoMapping;
        }
        else if (TryChoose(ref reply, original.SourcePort, isExclusive: true))
        {
            mapping = mappings.Add(original.Source, original.SourcePort, original.Protocol, reply.DestinationPort);
            return true;
        }

        return TryChoose(ref reply, original.SourcePort, isExclusive: false);
    }

    /// <summary>A port of the uplink's address is for the domain's own services; 0 where a protocol has none.</summary>
    internal static bool IsOwn(ushort port) => port is < FirstPort or (>= EphemeralPorts.First and <= EphemeralPorts.Last);

    /// <summary>Gives a flow that was found in memory its mapping back.</summary>
    internal int Restore(in FlowKey original, in FlowKey reply)
    {
        if (!HasPorts(original) || IsOwn(reply.DestinationPort))
        {
            return NoMapping;
        }

        int mapping = mappings.Find(original.Source, original.SourcePort, original.Protocol);
        if (mapping >= 0)
        {
            if (mappings.ExternalPort(mapping) != reply.DestinationPort)
            {
                return NoMapping;
            }

            mappings.Keep(mapping);
            return mapping;
        }

        return mappings.IsUsed(original.IsIPv4, reply.DestinationPort, original.Protocol)
            ? NoMapping
            : mappings.Add(original.Source, original.SourcePort, original.Protocol, reply.DestinationPort);
    }

    private static bool HasPorts(in FlowKey key) => key.Protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp4 or IpProtocol.Icmp6;

    private bool TryChoose(ref FlowKey reply, ushort preserved, bool isExclusive)
    {
        reply = reply with { DestinationPort = preserved };
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (IsFree(reply, isExclusive))
            {
                return true;
            }

            reply = reply with { DestinationPort = Draw() };
        }

        return false;
    }

    private bool IsFree(in FlowKey reply, bool isExclusive) =>
        !IsOwn(reply.DestinationPort)
        && !(isExclusive && mappings.IsUsed(reply.IsIPv4, reply.DestinationPort, reply.Protocol))
        && !Published.Holds(reply.IsIPv4, reply.Protocol, reply.DestinationPort)
        && table.IsUnused(reply);

    private ushort Draw()
    {
        var hash = new SipHash(secret);
        hash.Add(++_drawn);
        int port = FirstPort + (int)(hash.Finish() % (ushort.MaxValue + 1 - FirstPort - OwnPorts));
        return (ushort)(port < EphemeralPorts.First ? port : port + OwnPorts);
    }
}
