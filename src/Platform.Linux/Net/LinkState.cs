using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform.Linux;

/// <summary>What the kernel says of a network interface.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its Ethernet address.</param>
/// <param name="Mtu">Largest payload of a frame in bytes.</param>
/// <param name="IsUp">It is switched on and carries frames.</param>
/// <param name="IsGone">It was removed.</param>
internal readonly record struct LinkState(int Index, string Name, MacAddress Address, int Mtu, bool IsUp, bool IsGone)
{
    private const int HeaderLength = 16;
    private const int InfoLength = 16;
    private const int AttributeHeader = 4;
    private const ushort NewLink = 16;
    private const ushort DelLink = 17;
    private const ushort AttributeAddress = 1;
    private const ushort AttributeName = 3;
    private const ushort AttributeMtu = 4;

    /// <summary>Reads the state out of one netlink message, RTM_NEWLINK or RTM_DELLINK.</summary>
    /// <returns>Null where it is another message.</returns>
    internal static LinkState? Read(ReadOnlySpan<byte> message)
    {
        if (message.Length < HeaderLength + InfoLength)
        {
            return null;
        }

        ushort type = BinaryPrimitives.ReadUInt16LittleEndian(message[4..]);
        if (type is not (NewLink or DelLink))
        {
            return null;
        }

        int index = BinaryPrimitives.ReadInt32LittleEndian(message[(HeaderLength + 4)..]);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(message[(HeaderLength + 8)..]);
        var state = new LinkState(index, "", default, 0, (flags & Libc.IFF_UP) != 0 && (flags & Libc.IFF_RUNNING) != 0, type == DelLink);
        ReadOnlySpan<byte> rest = message[(HeaderLength + InfoLength)..];
        while (rest.Length >= AttributeHeader)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(rest);
            if (length < AttributeHeader || length > rest.Length)
            {
                break;
            }

            ReadOnlySpan<byte> value = rest[AttributeHeader..length];
            switch (BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]))
            {
                case AttributeAddress when value.Length == MacAddress.Length:
                    state = state with { Address = MacAddress.Read(value) };
                    break;
                case AttributeName:
                    state = state with { Name = Encoding.UTF8.GetString(value.TrimEnd((byte)0)) };
                    break;
                case AttributeMtu when value.Length == sizeof(int):
                    state = state with { Mtu = BinaryPrimitives.ReadInt32LittleEndian(value) };
                    break;
            }

            rest = rest[Math.Min((length + 3) & ~3, rest.Length)..];
        }

        return state;
    }
}
