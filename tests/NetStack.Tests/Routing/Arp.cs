using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>ARP frames.</summary>
internal static class Arp
{
    public static byte[] Request(MacAddress from, string sender, string target, MacAddress? to = null) => Make(1, from, sender, to ?? MacAddress.Broadcast, default, target);

    public static byte[] Reply(MacAddress from, string sender, MacAddress to, string target) => Make(2, from, sender, to, to, target);

    public static byte[] Make(byte operation, MacAddress from, string sender, MacAddress to, MacAddress targetMac, string target, MacAddress? senderMac = null)
    {
        byte[] frame = new byte[60];
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        ((ReadOnlySpan<byte>)[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation]).CopyTo(frame.AsSpan(12));
        (senderMac ?? from).Write(frame.AsSpan(22));
        TestPacket.Ip(sender).Write(frame.AsSpan(28));
        targetMac.Write(frame.AsSpan(32));
        TestPacket.Ip(target).Write(frame.AsSpan(38));
        return frame;
    }

    public static void AssertReply(byte[] frame, MacAddress from, string sender, MacAddress to, string target) =>
        Assert.Equal(Reply(from, sender, to, target)[..42], frame);
}
