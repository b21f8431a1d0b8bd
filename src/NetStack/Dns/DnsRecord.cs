namespace Makatea.NetStack;

/// <summary>What is asked.</summary>
/// <param name="Name">Of which name.</param>
/// <param name="Type">Which records, such as <see cref="DnsType.A"/>.</param>
/// <param name="Class">1, the Internet.</param>
public readonly record struct DnsQuestion(DnsName Name, ushort Type, ushort Class = 1);

/// <summary>A resource record ([RFC 1035] 3.2.1).</summary>
/// <param name="Owner">Its name.</param>
/// <param name="Type">Its type.</param>
/// <param name="Class">Its class.</param>
/// <param name="Ttl">How long it may be kept, in seconds.</param>
/// <param name="Data">Its data, without compressed names.</param>
public sealed record DnsRecord(DnsName Owner, ushort Type, ushort Class, uint Ttl, byte[] Data)
{
    internal int Length => Owner.Wire.Length + 10 + Data.Length;
}

/// <summary>Types of records.</summary>
public static class DnsType
{
    /// <summary>An IPv4 address.</summary>
    public const ushort A = 1;

    /// <summary>An IPv6 address ([RFC 3596]).</summary>
    public const ushort Aaaa = 28;

    internal const ushort Ns = 2;
    internal const ushort Cname = 5;
    internal const ushort Soa = 6;
    internal const ushort Ptr = 12;
    internal const ushort Mx = 15;
    internal const ushort Rp = 17;
    internal const ushort Afsdb = 18;
    internal const ushort Srv = 33;
    internal const ushort Dname = 39;
    internal const ushort Opt = 41;
    internal const ushort Rrsig = 46;
    internal const ushort Nsec = 47;
    internal const ushort Nsec3 = 50;
    internal const ushort Ixfr = 251;
    internal const ushort Axfr = 252;
    internal const ushort Any = 255;
}

/// <summary>Response codes ([RFC 1035] 4.1.1).</summary>
public static class DnsResponseCode
{
    /// <summary>There is an answer, perhaps an empty one.</summary>
    public const byte NoError = 0;

    /// <summary>There is no such name.</summary>
    public const byte NoSuchName = 3;

    internal const byte FormatError = 1;
    internal const byte ServerFailure = 2;
    internal const byte NotImplemented = 4;
    internal const byte Refused = 5;
}
