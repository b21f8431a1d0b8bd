using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>A neighbour solicitation or advertisement ([RFC 4861] 4.3, 4.4), from its ICMPv6 header on.</summary>
internal readonly record struct NeighbourMessage
{
    public const byte RouterSolicitation = 133;
    public const byte RouterAdvertisement = 134;
    public const byte Solicitation = 135;
    public const byte Advertisement = 136;
    public const byte Redirect = 137;

    /// <summary>Hop limit of all of them, which proves that no router passed them on.</summary>
    public const byte HopLimit = 255;

    /// <summary>Length with one link-layer address option.</summary>
    public const int Length = 32;

    private const int OptionsOffset = 24;
    private const byte SourceLinkLayer = 1;
    private const byte TargetLinkLayer = 2;
    private const byte Router = 0x80;
    private const byte Solicited = 0x40;
    private const byte Override = 0x20;

    /// <summary>Who is asked for, or says something.</summary>
    public IpAddress Target { get; private init; }

    /// <summary>The link-layer address in the option of a solicitation (source) or advertisement (target); null where there is none.</summary>
    public MacAddress? LinkLayer { get; private init; }

    /// <summary>An advertisement that answers a solicitation.</summary>
    public bool IsSolicited { get; private init; }

    /// <summary>An advertisement that is to replace what was known.</summary>
    public bool IsOverride { get; private init; }

    /// <summary>Reads a message whose type is one of the two.</summary>
    /// <returns>False where it is malformed ([RFC 4861] 7.1).</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out NeighbourMessage message)
    {
        message = default;
        if (bytes.Length < OptionsOffset || bytes[1] != 0)
        {
            return false;
        }

        var target = IpAddress.ReadIPv6(bytes[8..]);
        bool isSolicitation = bytes[0] == Solicitation;
        if (target.IsMulticast || !TryReadOption(bytes[OptionsOffset..], isSolicitation ? SourceLinkLayer : TargetLinkLayer, out MacAddress? linkLayer))
        {
            return false;
        }

        message = new()
        {
            Target = target,
            LinkLayer = linkLayer,
            IsSolicited = !isSolicitation && (bytes[4] & Solicited) != 0,
            IsOverride = !isSolicitation && (bytes[4] & Override) != 0,
        };
        return true;
    }

    /// <summary>Looks for a link-layer address among options.</summary>
    /// <returns>False where options are malformed or there are two that differ.</returns>
    public static bool TryReadOption(ReadOnlySpan<byte> options, byte kind, out MacAddress? address)
    {
        address = null;
        while (!options.IsEmpty)
        {
            int length = options.Length < 2 ? 0 : options[1] * 8;
            if (length == 0 || length > options.Length)
            {
                return false;
            }

            if (options[0] == kind)
            {
                var found = MacAddress.Read(options[2..]);
                if (address is not null && address != found)
                {
                    return false;
                }

                address = found;
            }

            options = options[length..];
        }

        return true;
    }

    /// <summary>Writes a solicitation with the sender's link-layer address; the checksum is left out.</summary>
    public static void WriteSolicitation(Span<byte> bytes, IpAddress target, MacAddress source) => Write(bytes, Solicitation, 0, target, SourceLinkLayer, source);

    /// <summary>Writes an advertisement of a router's; the checksum is left out.</summary>
    public static void WriteAdvertisement(Span<byte> bytes, IpAddress target, MacAddress address, bool isSolicited) =>
        Write(bytes, Advertisement, (byte)(Router | Override | (isSolicited ? Solicited : 0)), target, TargetLinkLayer, address);

    /// <summary>The group of those whose addresses end like <paramref name="address"/> ([RFC 4291] 2.7.1).</summary>
    public static IpAddress SolicitedNode(IpAddress address) =>
        new(((UInt128)0xff02_0000_0000_0000 << 64) | 0x1_ff00_0000 | ((uint)address.Value & 0xff_ffff));

    private static void Write(Span<byte> bytes, byte type, byte flags, IpAddress target, byte option, MacAddress address)
    {
        bytes[..8].Clear();
        bytes[0] = type;
        bytes[4] = flags;
        target.Write(bytes[8..]);
        bytes[OptionsOffset] = option;
        bytes[OptionsOffset + 1] = 1;
        address.Write(bytes[(OptionsOffset + 2)..]);
    }
}
