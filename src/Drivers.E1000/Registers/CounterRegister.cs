namespace Makatea.Drivers.E1000;

/// <summary>Offsets of the statistics registers that are read ([8254x-SDM] 13.7, [82574-DS] 10, statistics): 32 bits, cleared when read, stuck at all ones when full.</summary>
internal static class CounterRegister
{
    /// <summary>CRCERRS: wrong check sequence.</summary>
    public const ulong CrcErrors = 0x4000;

    /// <summary>ALGNERRC: no whole number of bytes.</summary>
    public const ulong AlignmentErrors = 0x4004;

    /// <summary>RXERRC: the PHY said error.</summary>
    public const ulong ReceiveErrors = 0x400c;

    /// <summary>MPC: no room in the packet buffer, as the ring had no descriptor.</summary>
    public const ulong MissedPackets = 0x4010;

    /// <summary>ECOL: given up after 16 collisions.</summary>
    public const ulong ExcessiveCollisions = 0x4018;

    /// <summary>LATECOL: collisions after the slot time.</summary>
    public const ulong LateCollisions = 0x4020;

    /// <summary>CEXTERR: the PHY said carrier extension error.</summary>
    public const ulong CarrierExtensionErrors = 0x403c;

    /// <summary>RLEC: the length field is wrong.</summary>
    public const ulong LengthErrors = 0x4040;

    /// <summary>RUC: shorter than 64 bytes, with a right check sequence.</summary>
    public const ulong Undersize = 0x40a4;

    /// <summary>ROC: longer than is received, with a right check sequence.</summary>
    public const ulong Oversize = 0x40ac;
}
