using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>The header of IPv4 ([RFC 791] 3.1).</summary>
internal static class IPv4Header
{
    public const int Length = 20;
    public const int MaxLength = 60;
    public const int TotalLengthOffset = 2;
    public const int IdentificationOffset = 4;
    public const int FragmentOffset = 6;
    public const int TtlOffset = 8;
    public const int ProtocolOffset = 9;
    public const int ChecksumOffset = 10;
    public const int SourceOffset = 12;
    public const int DestinationOffset = 16;

    public const ushort DontFragment = 0x4000;
    public const ushort MoreFragments = 0x2000;
    public const ushort FragmentMask = 0x1fff;

    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;
    private const byte LooseSourceRoute = 131;
    private const byte StrictSourceRoute = 137;

    /// <summary>Reads and checks a header.</summary>
    /// <param name="bytes">From the header on, as far as it is contiguous.</param>
    /// <param name="available">Bytes of the frame from the header on.</param>
    /// <param name="isSegmented">Segmentation is left to a port: the length and the checksum say nothing.</param>
    /// <param name="packet">What it says.</param>
    /// <returns>Why it is refused, or <see cref="DropReason.None"/>.</returns>
    public static DropReason Read(ReadOnlySpan<byte> bytes, int available, bool isSegmented, out IpPacket packet)
    {
        packet = default;
        if (bytes.Length < Length || bytes[0] >> 4 != 4)
        {
            return DropReason.Malformed;
        }

        int header = (bytes[0] & 0xf) * 4;
        int length = isSegmented ? available : BinaryPrimitives.ReadUInt16BigEndian(bytes[TotalLengthOffset..]);
        if (header < Length || header > bytes.Length || length < header || length > available)
        {
            return DropReason.Malformed;
        }

        if (!isSegmented && !Checksum.IsRight(bytes[..header]))
        {
            return DropReason.BadChecksum;
        }

        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(bytes[FragmentOffset..]);
        packet.IsIPv4 = true;
        packet.Length = length;
        packet.TransportOffset = header;
        packet.Protocol = bytes[ProtocolOffset];
        packet.HopLimit = bytes[TtlOffset];
        packet.Source = IpAddress.ReadIPv4(bytes[SourceOffset..]);
        packet.Destination = IpAddress.ReadIPv4(bytes[DestinationOffset..]);
        packet.Identification = BinaryPrimitives.ReadUInt16BigEndian(bytes[IdentificationOffset..]);
        packet.DontFragment = (fragment & DontFragment) != 0;
        packet.HasMoreFragments = (fragment & MoreFragments) != 0;
        packet.FragmentOffset = (fragment & FragmentMask) * 8;
        packet.IsFragment = (fragment & (MoreFragments | FragmentMask)) != 0;
        packet.HasOptions = header > Length;
        return header > Length && HasSourceRoute(bytes[Length..header]) ? DropReason.SourceRouted : DropReason.None;
    }

    /// <summary>Works out the checksum of a header.</summary>
    public static void WriteChecksum(Span<byte> header)
    {
        header.Slice(ChecksumOffset, sizeof(ushort)).Clear();
        Checksum.Write(header[ChecksumOffset..], Checksum.Add(header));
    }

    /// <summary>Writes a header without options, with its checksum.</summary>
    public static void Write(Span<byte> header, IpAddress source, IpAddress destination, byte protocol, byte timeToLive, int length, ushort identification, ushort fragment)
    {
        header[0] = 0x45;
        header[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[TotalLengthOffset..], (ushort)length);
        BinaryPrimitives.WriteUInt16BigEndian(header[IdentificationOffset..], identification);
        BinaryPrimitives.WriteUInt16BigEndian(header[FragmentOffset..], fragment);
        header[TtlOffset] = timeToLive;
        header[ProtocolOffset] = protocol;
        source.Write(header[SourceOffset..]);
        destination.Write(header[DestinationOffset..]);
        WriteChecksum(header[..Length]);
    }

    /// <summary>Source routes lead around what addresses say ([RFC 7126] 4.3, 4.4). Options that are cut off are taken for some too.</summary>
    private static bool HasSourceRoute(ReadOnlySpan<byte> options)
    {
        while (!options.IsEmpty && options[0] != EndOfOptions)
        {
            if (options[0] == NoOperation)
            {
                options = options[1..];
                continue;
            }

            if (options[0] is LooseSourceRoute or StrictSourceRoute || options.Length < 2 || options[1] < 2 || options[1] > options.Length)
            {
                return true;
            }

            options = options[options[1]..];
        }

        return false;
    }
}
