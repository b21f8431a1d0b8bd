using System.Numerics;

namespace Makatea.NetStack;

/// <summary>What a DHCP server gave.</summary>
public sealed record DhcpLease
{
    /// <summary>The address.</summary>
    public required IpAddress Address { get; init; }

    /// <summary>Length of the link's prefix.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>Who gave it.</summary>
    public required IpAddress Server { get; init; }

    /// <summary>Ways out: networks and their routers; a router that is unspecified means that the network is on the link. The one for everything is among them if there is any.</summary>
    public IReadOnlyList<(IpPrefix Network, IpAddress Router)> Routes { get; init; } = [];

    /// <summary>DNS servers.</summary>
    public IReadOnlyList<IpAddress> DnsServers { get; init; } = [];

    /// <summary>The link's MTU, or 0 where the server does not say.</summary>
    public int Mtu { get; init; }

    /// <summary>Seconds for which it was given; <see cref="uint.MaxValue"/> for ever.</summary>
    public uint Seconds { get; init; }

    /// <summary>Seconds until it is to be renewed with its server (T1).</summary>
    internal uint RenewalSeconds { get; init; }

    /// <summary>Seconds until it is to be renewed with any server (T2).</summary>
    internal uint RebindingSeconds { get; init; }

    /// <summary>Reads an offer or acknowledgement.</summary>
    /// <returns>False where what it gives cannot be used.</returns>
    internal static bool TryRead(DhcpMessage message, out DhcpLease lease)
    {
        lease = null!;
        DhcpOptions options = message.Options;
        IpAddress server = options.Address(DhcpOption.ServerIdentifier);
        uint seconds = options.Number(DhcpOption.LeaseTime) ?? 0;
        uint mask = options.Number(DhcpOption.SubnetMask) ?? 0xffff_ff00;
        if (!IsHost(message.YourAddress) || !IsHost(server) || seconds == 0 || BitOperations.LeadingZeroCount(~mask) != BitOperations.PopCount(mask))
        {
            return false;
        }

        // T1 < T2 < the lease ([RFC 2131] 4.4.5); otherwise a half and seven eighths of it.
        uint rebinding = options.Number(DhcpOption.RebindingTime) is { } t2 && t2 < seconds ? t2 : (uint)(seconds * 7UL / 8);
        uint renewal = options.Number(DhcpOption.RenewalTime) is { } t1 && t1 < rebinding ? t1 : Math.Min(seconds / 2, rebinding);
        ReadOnlySpan<byte> mtu = options.Bytes(DhcpOption.InterfaceMtu);
        lease = new()
        {
            Address = message.YourAddress,
            PrefixLength = BitOperations.PopCount(mask),
            Server = server,
            Routes = ReadRoutes(options),
            DnsServers = options.Addresses(DhcpOption.DnsServers).FindAll(IsHost),
            Mtu = mtu.Length == 2 && ((mtu[0] << 8) | mtu[1]) >= 576 ? (mtu[0] << 8) | mtu[1] : 0,
            Seconds = seconds,
            RenewalSeconds = renewal,
            RebindingSeconds = rebinding,
        };
        return true;
    }

    // Classless routes stand in the place of the router option ([RFC 3442]).
    private static List<(IpPrefix, IpAddress)> ReadRoutes(DhcpOptions options)
    {
        var routes = new List<(IpPrefix, IpAddress)>();
        ReadOnlySpan<byte> bytes = options.Bytes(DhcpOption.ClasslessRoutes);
        Span<byte> network = stackalloc byte[IpAddress.Length4];
        while (bytes.Length > 0)
        {
            int length = bytes[0];
            int significant = (length + 7) / 8;
            if (length > 32 || bytes.Length < 1 + significant + 4)
            {
                break;
            }

            network.Clear();
            bytes.Slice(1, significant).CopyTo(network);
            routes.Add((new(IpAddress.ReadIPv4(network), length), IpAddress.ReadIPv4(bytes[(1 + significant)..])));
            bytes = bytes[(1 + significant + 4)..];
        }

        if (routes.Count == 0 && options.Addresses(DhcpOption.Router).Find(IsHost) is { IsUnspecified: false } router)
        {
            routes.Add((IpPrefix.All4, router));
        }

        return routes;
    }

    private static bool IsHost(IpAddress address) => address.IsIPv4 && !address.IsUnspecified && !address.IsMulticast && !address.IsLoopback && address != IpAddress.Broadcast4;
}
