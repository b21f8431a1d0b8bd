using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>Frames of neighbour discovery.</summary>
internal static class Nd
{
    public static TestPacket Solicitation(MacAddress from, string source, string target, MacAddress? option)
    {
        var address = TestPacket.Ip(target);
        string group = $"ff02::1:ff{(address.Value >> 16) & 0xff:x2}:{address.Value & 0xffff:x}";
        return Make(135, 0, from, new(0x3333_ff00_0000 | ((ulong)address.Value & 0xff_ffff)), source, group, target, option is null ? [] : Option(1, option.Value));
    }

    public static TestPacket Advertisement(MacAddress from, string target, MacAddress to, string destination, MacAddress? option = null) =>
        Make(136, 0x60, from, to, target, destination, target, Option(2, option ?? from));

    public static byte[] Option(byte kind, MacAddress address)
    {
        byte[] option = new byte[8];
        option[0] = kind;
        option[1] = 1;
        address.Write(option.AsSpan(2));
        return option;
    }

    /// <summary>A message with a right checksum: as an "echo" of this type, of which the checksum is worked out.</summary>
    public static TestPacket Make(byte type, byte flags, MacAddress from, MacAddress to, string source, string destination, string target, byte[] options)
    {
        byte[] message = new byte[24 + options.Length];
        message[0] = type;
        message[4] = flags;
        TestPacket.Ip(target).Write(message.AsSpan(8));
        options.CopyTo(message, 24);
        Span<byte> addresses = stackalloc byte[32];
        TestPacket.Ip(source).Write(addresses);
        TestPacket.Ip(destination).Write(addresses[16..]);
        ushort sum = Makatea.Tests.Traffic.InternetChecksum.Sum(message, Makatea.Tests.Traffic.InternetChecksum.Sum(addresses, (uint)(58 + message.Length)));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~sum);
        return new() { From = from, To = to, Source = source, Destination = destination, Protocol = 58, HopLimit = 255, Raw = message };
    }
}
