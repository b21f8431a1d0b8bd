namespace Makatea.NetStack;

/// <summary>
/// Source ports of the domain's own flows, chosen at random ([RFC 6056] 3.3.1). Source NAT gives none of them to qubes, so that no qube's flow can take the answers to the domain's own
/// questions.
/// </summary>
public static class EphemeralPorts
{
    /// <summary>The first. They lie below what systems in qubes choose (Linux 32768 and on, others 49152 and on, [RFC 6335] 6), so that those keep their ports behind NAT.</summary>
    public const ushort First = 16384;

    /// <summary>The last.</summary>
    public const ushort Last = 32767;

    internal static ushort Next(NetRandom random) => (ushort)(First + random.Next(Last - First + 1));
}
