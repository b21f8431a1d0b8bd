using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>The Ethernet header ([IEEE 802.3] 3.1.1): destination, source, type. A VLAN tag ([IEEE 802.1Q] 9.6) may stand before the type.</summary>
internal static class Ethernet
{
    public const int HeaderLength = 14;
    public const int SourceOffset = 6;
    public const int TypeOffset = 12;
    public const int VlanTagLength = 4;

    public const ushort IPv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort Vlan = 0x8100;
    public const ushort ServiceVlan = 0x88a8;
    public const ushort IPv6 = 0x86dd;

    /// <summary>The type, or the tag protocol where the frame has a VLAN tag.</summary>
    public static ushort Type(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]);

    public static MacAddress Destination(ReadOnlySpan<byte> frame) => new(BinaryPrimitives.ReadUInt64BigEndian(frame) >> 16);

    public static MacAddress Source(ReadOnlySpan<byte> frame) => new(BinaryPrimitives.ReadUInt64BigEndian(frame[4..]) & 0xffff_ffff_ffff);

    /// <summary>Writes a header.</summary>
    public static void Write(Span<byte> frame, MacAddress destination, MacAddress source, ushort type)
    {
        BinaryPrimitives.WriteUInt64BigEndian(frame, (destination.Value << 16) | (source.Value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(frame[8..], (uint)source.Value);
        BinaryPrimitives.WriteUInt16BigEndian(frame[TypeOffset..], type);
    }

    /// <summary>Length of the header with its VLAN tags, two at most. The type is in its last two bytes.</summary>
    /// <returns>0 where the frame ends before.</returns>
    public static int TaggedLength(ReadOnlySpan<byte> frame)
    {
        int length = HeaderLength;
        for (int tags = 0; ; tags++)
        {
            if (frame.Length < length)
            {
                return 0;
            }

            if (tags == 2 || BinaryPrimitives.ReadUInt16BigEndian(frame[(length - 2)..]) is not (Vlan or ServiceVlan))
            {
                return length;
            }

            length += VlanTagLength;
        }
    }
}
