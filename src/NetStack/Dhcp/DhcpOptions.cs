using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>The options of a message; one that comes several times is put together ([RFC 3396] 5).</summary>
internal sealed class DhcpOptions
{
    private const int MaximumLength = 1500; // of all; more fits no message that is taken

    private readonly byte[]?[] _options = new byte[]?[byte.MaxValue + 1];
    private int _length;

    internal ReadOnlySpan<byte> Bytes(DhcpOption option) => _options[(int)option];

    internal byte Byte(DhcpOption option) => _options[(int)option] is [byte value] ? value : (byte)0;

    internal uint? Number(DhcpOption option) => _options[(int)option] is { Length: 4 } value ? BinaryPrimitives.ReadUInt32BigEndian(value) : null;

    internal IpAddress Address(DhcpOption option) => Number(option) is { } value ? IpAddress.FromIPv4(value) : IpAddress.Any4;

    internal List<IpAddress> Addresses(DhcpOption option)
    {
        var addresses = new List<IpAddress>();
        ReadOnlySpan<byte> bytes = Bytes(option);
        for (; bytes.Length >= 4; bytes = bytes[4..])
        {
            addresses.Add(IpAddress.ReadIPv4(bytes));
        }

        return addresses;
    }

    internal void Set(DhcpOption option, params ReadOnlySpan<byte> value) => _options[(int)option] = value.ToArray();

    internal void Set(DhcpOption option, uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        _options[(int)option] = bytes;
    }

    internal void Set(DhcpOption option, IReadOnlyList<IpAddress> addresses)
    {
        byte[] bytes = new byte[4 * addresses.Count];
        for (int i = 0; i < addresses.Count; i++)
        {
            addresses[i].Write(bytes.AsSpan(4 * i));
        }

        _options[(int)option] = bytes;
    }

    /// <summary>Reads options up to the end option or the field's end.</summary>
    internal bool TryRead(ReadOnlySpan<byte> field)
    {
        while (field.Length > 0 && field[0] != (byte)DhcpOption.End)
        {
            var option = (DhcpOption)field[0];
            if (option == DhcpOption.Pad)
            {
                field = field[1..];
                continue;
            }

            if (field.Length < 2 || field.Length < 2 + field[1] || (_length += field[1]) > MaximumLength)
            {
                return false;
            }

            ReadOnlySpan<byte> value = field.Slice(2, field[1]);
            _options[(int)option] = [.. Bytes(option), .. value];
            field = field[(2 + value.Length)..];
        }

        return true;
    }

    /// <summary>Writes all options, the message type first, and the end option.</summary>
    internal int Write(Span<byte> field)
    {
        int length = WriteOne(field, DhcpOption.MessageType, Bytes(DhcpOption.MessageType));
        for (int i = 0; i < _options.Length; i++)
        {
            var option = (DhcpOption)i;
            if (option != DhcpOption.MessageType && _options[i] is { Length: > 0 and <= byte.MaxValue } value)
            {
                length += WriteOne(field[length..], option, value);
            }
        }

        field[length] = (byte)DhcpOption.End;
        return length + 1;
    }

    private static int WriteOne(Span<byte> field, DhcpOption option, ReadOnlySpan<byte> value)
    {
        (field[0], field[1]) = ((byte)option, (byte)value.Length);
        value.CopyTo(field[2..]);
        return 2 + value.Length;
    }
}
