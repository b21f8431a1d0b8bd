using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>Options of DHCPv6 that are used here ([RFC 8415] 21, [RFC 3646] for 23).</summary>
internal enum Dhcp6Option : ushort
{
    ClientIdentifier = 1,
    ServerIdentifier = 2,
    NonTemporary = 3,
    Address = 5,
    StatusCode = 13,
    RapidCommit = 14,
    DnsServers = 23,
    PrefixDelegation = 25,
}

/// <summary>What a message is for ([RFC 8415] 7.3).</summary>
internal enum Dhcp6MessageType : byte
{
    Solicit = 1,
    Advertise = 2,
    Request = 3,
    Confirm = 4,
    Renew = 5,
    Rebind = 6,
    Reply = 7,
    Release = 8,
    Decline = 9,
    InformationRequest = 11,
}

/// <summary>Status codes ([RFC 8415] 21.13).</summary>
internal enum Dhcp6Status : ushort
{
    Success = 0,
    NotOnLink = 4,
    NoPrefix = 6,
}

/// <summary>Goes through options: two bytes of type, two of length, data.</summary>
internal ref struct Dhcp6Options(ReadOnlySpan<byte> options)
{
    private ReadOnlySpan<byte> _rest = options;

    internal Dhcp6Option Type { get; private set; }

    internal ReadOnlySpan<byte> Data { get; private set; }

    /// <summary>Options were well formed up to here.</summary>
    internal bool IsIntact { get; private set; } = true;

    internal static bool TryFind(ReadOnlySpan<byte> options, Dhcp6Option type, out ReadOnlySpan<byte> data)
    {
        var reader = new Dhcp6Options(options);
        while (reader.MoveNext())
        {
            if (reader.Type == type)
            {
                data = reader.Data;
                return true;
            }
        }

        data = default;
        return false;
    }

    internal bool MoveNext()
    {
        if (_rest.Length == 0)
        {
            return false;
        }

        int length = _rest.Length < 4 ? int.MaxValue : BinaryPrimitives.ReadUInt16BigEndian(_rest[2..]);
        if (length > _rest.Length - 4)
        {
            IsIntact = false;
            return false;
        }

        Type = (Dhcp6Option)BinaryPrimitives.ReadUInt16BigEndian(_rest);
        Data = _rest.Slice(4, length);
        _rest = _rest[(4 + length)..];
        return true;
    }
}

/// <summary>Writes options into a buffer that has room for them.</summary>
internal ref struct Dhcp6Writer(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;

    internal int Length { get; private set; }

    internal void Write(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer[Length..]);
        Length += bytes.Length;
    }

    internal void Write16(int value) => Write([(byte)(value >> 8), (byte)value]);

    internal void Write32(uint value) => Write([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);

    internal void WriteAddress(IpAddress address)
    {
        Span<byte> bytes = stackalloc byte[IpAddress.Length6];
        address.Write(bytes);
        Write(bytes);
    }

    internal void Option(Dhcp6Option type, scoped ReadOnlySpan<byte> data)
    {
        Begin(type, data.Length);
        Write(data);
    }

    internal void Begin(Dhcp6Option type, int length)
    {
        Write16((int)type);
        Write16(length);
    }
}
