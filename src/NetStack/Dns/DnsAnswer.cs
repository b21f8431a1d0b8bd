namespace Makatea.NetStack;

/// <summary>What became of a question: the records that answer it, or why there are none. Unchanging.</summary>
public sealed class DnsAnswer
{
    /// <summary>How long a failure is remembered, in seconds, so that it is not asked again at once ([RFC 9520] 3.2).</summary>
    internal const uint FailureTtl = 5;

    internal static readonly DnsAnswer Failure = new() { ResponseCode = DnsResponseCode.ServerFailure, Ttl = FailureTtl };

    /// <summary><see cref="DnsResponseCode.NoError"/>, <see cref="DnsResponseCode.NoSuchName"/>, or any other, which tells a failure.</summary>
    public byte ResponseCode { get; init; }

    /// <summary>The chain of aliases and the records asked for.</summary>
    public IReadOnlyList<DnsRecord> Answers { get; init; } = [];

    /// <summary>How long it may be kept, in seconds; 0 not at all.</summary>
    public uint Ttl { get; init; }

    /// <summary>With an answer without records: what says how long that holds.</summary>
    internal IReadOnlyList<DnsRecord> Authorities { get; init; } = [];

    /// <summary>The IPv4 or IPv6 addresses in it.</summary>
    public IEnumerable<IpAddress> Addresses()
    {
        foreach (DnsRecord record in Answers)
        {
            if (record.Type == DnsType.A)
            {
                yield return IpAddress.ReadIPv4(record.Data);
            }
            else if (record.Type == DnsType.Aaaa && IpAddress.ReadIPv6(record.Data) is { IsIPv4: false } address)
            {
                yield return address;
            }
        }
    }

    /// <summary>The same, some seconds older.</summary>
    internal DnsAnswer Age(uint seconds) => seconds == 0 ? this : new()
    {
        ResponseCode = ResponseCode,
        Answers = Age(Answers, seconds),
        Authorities = Age(Authorities, seconds),
        Ttl = Ttl - Math.Min(Ttl, seconds),
    };

    /// <summary>Bytes it takes in the cache, about.</summary>
    internal int Size()
    {
        int size = 0;
        foreach (DnsRecord record in Answers)
        {
            size += record.Length + 128;
        }

        foreach (DnsRecord record in Authorities)
        {
            size += record.Length + 128;
        }

        return size;
    }

    private static DnsRecord[] Age(IReadOnlyList<DnsRecord> records, uint seconds)
    {
        var aged = new DnsRecord[records.Count];
        for (int i = 0; i < aged.Length; i++)
        {
            aged[i] = records[i] with { Ttl = records[i].Ttl - Math.Min(records[i].Ttl, seconds) };
        }

        return aged;
    }
}
