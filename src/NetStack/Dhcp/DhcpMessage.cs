using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>A message of DHCP over Ethernet ([RFC 2131] 2).</summary>
internal sealed class DhcpMessage
{
    internal const ushort ServerPort = 67;
    internal const ushort ClientPort = 68;

    /// <summary>The least that a message may be long; what BOOTP's was ([RFC 1542] 2.1).</summary>
    internal const int LeastWritten = 300;

    /// <summary>Room for a message with all options that are written here.</summary>
    internal const int MaximumWritten = 1024;

    private const int BootFileOffset = 108;
    private const int ServerNameOffset = 44;
    private const int CookieOffset = 236;
    private const int OptionsOffset = 240;
    private const uint Cookie = 0x63825363;
    private const ushort BroadcastFlag = 0x8000;

    internal required bool IsReply { get; init; }

    internal required uint Transaction { get; init; }

    internal ushort Seconds { get; init; }

    /// <summary>The client takes answers only by broadcast as long as it has no address.</summary>
    internal bool WantsBroadcast { get; init; }

    /// <summary>ciaddr: what the client uses already.</summary>
    internal IpAddress ClientAddress { get; init; } = IpAddress.Any4;

    /// <summary>yiaddr: what the client gets.</summary>
    internal IpAddress YourAddress { get; init; } = IpAddress.Any4;

    /// <summary>giaddr: a relay's.</summary>
    internal IpAddress RelayAddress { get; init; } = IpAddress.Any4;

    internal required MacAddress Hardware { get; init; }

    internal DhcpOptions Options { get; } = new();

    internal DhcpMessageType Type
    {
        get => (DhcpMessageType)Options.Byte(DhcpOption.MessageType);
        init => Options.Set(DhcpOption.MessageType, (byte)value);
    }

    internal static bool TryRead(ReadOnlySpan<byte> data, out DhcpMessage message)
    {
        message = null!;
        if (data.Length < OptionsOffset || data[0] is not (1 or 2) || data[1] != 1 || data[2] != MacAddress.Length || BinaryPrimitives.ReadUInt32BigEndian(data[CookieOffset..]) != Cookie)
        {
            return false;
        }

        message = new()
        {
            IsReply = data[0] == 2,
            Transaction = BinaryPrimitives.ReadUInt32BigEndian(data[4..]),
            Seconds = BinaryPrimitives.ReadUInt16BigEndian(data[8..]),
            WantsBroadcast = (BinaryPrimitives.ReadUInt16BigEndian(data[10..]) & BroadcastFlag) != 0,
            ClientAddress = IpAddress.ReadIPv4(data[12..]),
            YourAddress = IpAddress.ReadIPv4(data[16..]),
            RelayAddress = IpAddress.ReadIPv4(data[24..]),
            Hardware = MacAddress.Read(data[28..]),
        };
        if (!message.Options.TryRead(data[OptionsOffset..]))
        {
            return false;
        }

        // Fields that hold options, too ([RFC 2132] 9.3); the boot file's come first ([RFC 3396] 5).
        byte overload = message.Options.Byte(DhcpOption.Overload);
        return ((overload & 1) == 0 || message.Options.TryRead(data[BootFileOffset..CookieOffset]))
            && ((overload & 2) == 0 || message.Options.TryRead(data[ServerNameOffset..BootFileOffset]));
    }

    /// <summary>Writes the message into <paramref name="buffer"/>, which has <see cref="MaximumWritten"/> bytes.</summary>
    internal int Write(Span<byte> buffer)
    {
        buffer.Clear();
        (buffer[0], buffer[1], buffer[2]) = ((byte)(IsReply ? 2 : 1), 1, MacAddress.Length);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[4..], Transaction);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[8..], Seconds);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[10..], WantsBroadcast ? BroadcastFlag : (ushort)0);
        ClientAddress.Write(buffer[12..]);
        YourAddress.Write(buffer[16..]);
        RelayAddress.Write(buffer[24..]);
        Hardware.Write(buffer[28..]);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[CookieOffset..], Cookie);
        return Math.Max(LeastWritten, OptionsOffset + Options.Write(buffer[OptionsOffset..]));
    }
}
