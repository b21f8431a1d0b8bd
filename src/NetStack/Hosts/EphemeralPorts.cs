namespace Makatea.NetStack;

/// <summary>
/// Source ports of the domain's own flows, chosen at random ([RFC 6056] 3.3.1). Source NAT gives none of them to qubes, so that no qube's flow can take the answers to the domain's own
/// questions.
/// </summary>
public static class EphemeralPorts
{
    /// <summary>The first; the dynamic ports of [RFC 6335] 6.</summary>
    public const ushort First = 49152;

    /// <summary>The last.</summary>
    public const ushort Last = 65535;

    internal static ushort Next(NetRandom random) => (ushort)(First + random.Next(Last - First + 1));
}
