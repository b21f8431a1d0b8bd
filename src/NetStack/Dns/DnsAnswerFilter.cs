using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>
/// Takes from an upstream server's response what answers the question and nothing else: the chain of aliases from the name asked for, the records at its end, and what proves that there are none.
/// So nobody puts a name into the cache that was not asked for.
/// </summary>
internal static class DnsAnswerFilter
{
    private const int MaximumAliases = 16;
    private const uint MaximumNegativeTtl = 3 * 3600; // [RFC 2308] 5

    internal static DnsAnswer Filter(DnsQuestion question, bool isDnssec, DnsMessage response)
    {
        var answers = new List<DnsRecord>();
        DnsName name = question.Name;
        int aliases = 0;
        while (Collect(question, isDnssec, name, response.Answers, answers) is { } next && ++aliases <= MaximumAliases)
        {
            name = next;
        }

        bool isAnswered = answers.Exists(record => record.Type == question.Type || (question.Type == DnsType.Any && record.Type != DnsType.Rrsig));
        if (isAnswered && response.ResponseCode == DnsResponseCode.NoError)
        {
            return new() { Answers = answers, Ttl = Least(answers) };
        }

        // No such name, or no such records ([RFC 2308] 2): it holds as long as the zone's SOA says, and is not kept without one.
        var authorities = new List<DnsRecord>();
        uint ttl = 0;
        foreach (DnsRecord record in response.Authorities)
        {
            bool isProof = isDnssec && record.Type is DnsType.Nsec or DnsType.Nsec3 or DnsType.Rrsig;
            if (record.Class == question.Class && record.Type == DnsType.Soa && ttl == 0 && name.IsAtOrBelow(record.Owner))
            {
                ttl = Math.Min(Math.Min(record.Ttl, BinaryPrimitives.ReadUInt32BigEndian(record.Data.AsSpan(^4..))), MaximumNegativeTtl);
                authorities.Add(record with { Ttl = ttl });
            }
            else if (isProof)
            {
                authorities.Add(record);
            }
        }

        return new() { ResponseCode = response.ResponseCode, Answers = answers, Authorities = authorities, Ttl = answers.Count == 0 ? ttl : Math.Min(ttl, Least(answers)) };
    }

    // Takes the records of one name, and gives the name that it is an alias of.
    private static DnsName? Collect(DnsQuestion question, bool isDnssec, DnsName name, IReadOnlyList<DnsRecord> from, List<DnsRecord> answers)
    {
        DnsName? next = null;
        foreach (DnsRecord record in from)
        {
            bool isOwn = record.Owner.Equals(name);
            bool isAlias = isOwn && record.Type == DnsType.Cname && next is null;
            bool isWanted = isAlias
                || (isOwn && (record.Type == question.Type || question.Type == DnsType.Any || (isDnssec && record.Type == DnsType.Rrsig)))
                || (record.Type == DnsType.Dname && name.IsAtOrBelow(record.Owner)); // [RFC 6672] 3.1: the CNAME made of it comes along
            if (record.Class != question.Class || record.Type == DnsType.Opt || !isWanted || answers.Contains(record))
            {
                continue;
            }

            answers.Add(record);
            if (isAlias && question.Type is not (DnsType.Cname or DnsType.Any))
            {
                next = new(record.Data);
            }
        }

        return next;
    }

    private static uint Least(List<DnsRecord> records)
    {
        uint ttl = uint.MaxValue;
        foreach (DnsRecord record in records)
        {
            ttl = Math.Min(ttl, record.Ttl);
        }

        return ttl;
    }
}
