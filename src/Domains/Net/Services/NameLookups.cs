using Makatea.NetStack;

namespace Makatea.Domains.Net;

/// <summary>Keeps the addresses of the names that firewall rules are for: asks when they are due, of the same resolver that answers clients. On the forwarding thread.</summary>
internal sealed class NameLookups(HostNames names, DnsResolver resolver, IIpLayer ip) : IHostTimer
{
    private const ushort Internet = 1;

    /// <inheritdoc/>
    public long Tick(long now)
    {
        long next;
        while (names.TryTakeDue(now, out string name, out next))
        {
            if (DnsName.TryParse(name, out DnsName question))
            {
                Ask(name, new DnsQuestion(question, DnsType.A, Internet));
                Ask(name, new DnsQuestion(question, DnsType.Aaaa, Internet));
            }
        }

        return next;
    }

    private void Ask(string name, DnsQuestion question) => resolver.Resolve(DnsResolver.Self, question, isDnssec: false, answer =>
    {
        foreach (IpAddress address in answer.Addresses())
        {
            names.Learn(name, address, answer.Ttl * 1000L, ip.Now);
        }
    });
}
