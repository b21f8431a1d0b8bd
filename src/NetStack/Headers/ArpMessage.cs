using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>An ARP message of Ethernet and IPv4 ([RFC 826]).</summary>
internal readonly record struct ArpMessage(bool IsRequest, MacAddress SenderMac, IpAddress Sender, MacAddress TargetMac, IpAddress Target)
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 28;

    private const ulong EthernetIPv4 = 0x0001_0800_0604_0000;
    private const ushort Request = 1;
    private const ushort Reply = 2;

    /// <summary>Reads what follows the Ethernet header.</summary>
    /// <returns>False where it is no request or reply for these protocols.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out ArpMessage message)
    {
        message = default;
        if (bytes.Length < Length)
        {
            return false;
        }

        ulong head = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        if ((head & ~0xffffUL) != EthernetIPv4 || (ushort)head is not (Request or Reply))
        {
            return false;
        }

        message = new((ushort)head == Request, MacAddress.Read(bytes[8..]), IpAddress.ReadIPv4(bytes[14..]), MacAddress.Read(bytes[18..]), IpAddress.ReadIPv4(bytes[24..]));
        return true;
    }

    /// <summary>Writes it behind the Ethernet header.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, EthernetIPv4 | (IsRequest ? Request : Reply));
        SenderMac.Write(bytes[8..]);
        Sender.Write(bytes[14..]);
        TargetMac.Write(bytes[18..]);
        Target.Write(bytes[24..]);
    }
}
