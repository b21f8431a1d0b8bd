using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>What tells one flow's packets from another's: one direction of it, as it is seen on one side.</summary>
/// <remarks>
/// An ICMP echo request has its identifier as source port and no destination port, the reply the other way round, so that <see cref="Reversed"/> is what the answer carries
/// for it as well. Protocols without ports have none.
/// </remarks>
/// <param name="Source">Address of the sender.</param>
/// <param name="Destination">Address of the receiver.</param>
/// <param name="SourcePort">Port of the sender, in the machine's order.</param>
/// <param name="DestinationPort">Port of the receiver.</param>
/// <param name="Protocol">Number of the protocol above IP, behind extension headers.</param>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public readonly record struct FlowKey(IpAddress Source, IpAddress Destination, ushort SourcePort, ushort DestinationPort, byte Protocol)
{
    /// <summary>Its size in memory that outlives the domain.</summary>
    internal const int Size = 48;

    /// <summary>The flow is one of IPv4.</summary>
    public bool IsIPv4 => Destination.IsIPv4;

    /// <summary>What an answer carries.</summary>
    public FlowKey Reversed => new(Destination, Source, DestinationPort, SourcePort, Protocol);

    /// <inheritdoc/>
    public bool Equals(FlowKey other) =>
        Source.Value == other.Source.Value && Destination.Value == other.Destination.Value && Ports == other.Ports;

    /// <summary>Not keyed: tables that a guest may fill use <see cref="FlowKeyHash"/>.</summary>
    public override int GetHashCode() => HashCode.Combine(Source, Destination, Ports);

    /// <inheritdoc/>
    public override string ToString() => $"{Protocol}: {Source} port {SourcePort} to {Destination} port {DestinationPort}";

    /// <summary>Ports and protocol as one number.</summary>
    internal ulong Ports => ((ulong)Protocol << 32) | ((ulong)SourcePort << 16) | DestinationPort;
}
