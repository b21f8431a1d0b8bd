using FsCheck;
using FsCheck.Fluent;

namespace Makatea.NetStack.Tests;

public sealed class FirewallRuleTests
{
    /// <summary>Rules of each kind, drawn as Qubes' tools could write them.</summary>
    internal static Gen<FirewallRule> AnyRule { get; } =
        from accept in Gen.Elements(FirewallAction.Accept, FirewallAction.Drop)
        from protocol in Gen.Elements(Enum.GetValues<FirewallProtocol>())
        from host in Gen.Elements("", "", "", "", "10.137.0.6/32", "10.0.0.0/8", "93.184.216.0/24", "0.0.0.0/0", "2001:db8::/32", "fd09:24ef:4179::a89:6/128", "::/0", "example.org", "_a-b.example.com", "no.such")
        from first in Gen.Choose(0, 65535)
        from last in Gen.Choose(first, Math.Min(65535, first + 200))
        from hasPorts in Gen.Elements(true, false)
        from type in Gen.Choose(0, 255)
        from hasType in Gen.Elements(true, false)
        from dns in Gen.Frequency((5, Gen.Constant(false)), (1, Gen.Constant(true)))
        from expire in Gen.Frequency((5, Gen.Constant<long?>(null)), (1, Gen.Elements<long?>(0, 999, 1000, 1001, 4_000_000_000)))
        from comment in Gen.Elements(null, "a", "for Alice: [mail], 25/tcp; see_me.", "action=x")
        select new FirewallRule
        {
            Action = accept,
            Protocol = protocol,
            Network = IpPrefix.TryParse(host, out IpPrefix network) ? network : null,
            Name = host.Length > 0 && !IpPrefix.TryParse(host, out _) ? host : null,
            Ports = hasPorts && protocol is FirewallProtocol.Tcp or FirewallProtocol.Udp && hasPorts ? ((ushort)first, (ushort)last) : null,
            IcmpType = hasType && protocol is FirewallProtocol.Icmp or FirewallProtocol.Icmp6 && hasType ? (byte)type : null,
            IsDns = dns,
            Expire = expire,
            Comment = comment is "action=x" ? null : comment,
        };

    [Fact]
    public void What_is_written_is_read_as_it_was() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(AnyRule.ToArbitrary(), rule => Assert.Equal(rule, FirewallRule.Parse(rule.ToString()))));

    /// <summary>Lines as qubes-core-admin's tests and <c>qvm-firewall --raw</c> have them.</summary>
    [Theory]
    [InlineData("action=accept", "action=accept")]
    [InlineData("action=drop", "action=drop")]
    [InlineData("  action=drop  proto=icmp ", "action=drop proto=icmp")]
    [InlineData("action=accept dst4=127.0.0.1", "action=accept dst4=127.0.0.1/32")]
    [InlineData("action=accept dsthost=10.1.2.3/8", "action=accept dst4=10.0.0.0/8")]
    [InlineData("action=accept dst6=2001:4860:4860::8888/128 proto=udp dstports=53-53", "action=accept dst6=2001:4860:4860::8888/128 proto=udp dstports=53-53")]
    [InlineData("action=accept dstname=www.example.com proto=tcp dstports=443", "action=accept dsthost=www.example.com proto=tcp dstports=443-443")]
    [InlineData("dstports=80-90 proto=tcp action=drop", "action=drop proto=tcp dstports=80-90")]
    [InlineData("action=accept specialtarget=dns", "action=accept specialtarget=dns")]
    [InlineData("action=accept proto=icmp icmptype=8 expire=1463292452", "action=accept proto=icmp icmptype=8 expire=1463292452")]
    [InlineData("action=accept proto=icmp6 icmptype=128", "action=accept proto=icmp6 icmptype=128")]
    [InlineData("action=accept comment=a comment with proto-tcp in it", "action=accept comment=a comment with proto-tcp in it")]
    [InlineData("action=accept dsthost=example.com.", "action=accept dsthost=example.com")]
    public void Rules_are_those_of_Qubes(string text, string written) => Assert.Equal(written, FirewallRule.Parse(text).ToString());

    [Theory]
    [InlineData("", "action: found none", "accept or drop")]
    [InlineData("proto=tcp", "action: found none", "accept or drop")]
    [InlineData("action=reject", "action: found reject", "accept or drop")]
    [InlineData("action", "found action", "key=value")]
    [InlineData("action=accept port=80", "found port=80", "dstports")]
    [InlineData("action=accept action=drop", "action: found it twice", "one")]
    [InlineData("action=accept dst4=1.2.3.4 dsthost=a.b", "dsthost: found it twice", "one")]
    [InlineData("action=accept proto=sctp", "proto: found sctp", "tcp, udp, icmp or icmp6")]
    [InlineData("action=accept dstports=80", "dstports: found it with proto=(none)", "proto=tcp")]
    [InlineData("action=accept proto=icmp dstports=80", "dstports: found it with proto=icmp", "proto=tcp")]
    [InlineData("action=accept proto=tcp icmptype=8", "icmptype: found it with proto=tcp", "proto=icmp")]
    [InlineData("action=accept proto=tcp dstports=90-80", "dstports: found 90-80", "first-last")]
    [InlineData("action=accept proto=tcp dstports=65536", "dstports: found 65536", "0 to 65535")]
    [InlineData("action=accept proto=tcp dstports=80-", "dstports: found ", "0 to 65535")]
    [InlineData("action=accept proto=tcp dstports=-80", "dstports: found ", "0 to 65535")]
    [InlineData("action=accept proto=tcp dstports=١", "dstports: found ١", "0 to 65535")]
    [InlineData("action=accept proto=icmp icmptype=256", "icmptype: found 256", "0 to 255")]
    [InlineData("action=accept dst4=1.2.3.4/33", "dsthost: found 33", "0 to 32")]
    [InlineData("action=accept dst6=fd09::/129", "dsthost: found 129", "0 to 128")]
    [InlineData("action=accept dst4=1.2.3", "dsthost: found 1.2.3", "an address")]
    [InlineData("action=accept dst4=1.2.3.256", "dsthost: found 1.2.3.256", "an address")]
    [InlineData("action=accept dsthost=", "dsthost: found ", "a name")]
    [InlineData("action=accept dsthost=Example.org", "dsthost: found Example.org", "a-z")]
    [InlineData("action=accept dsthost=a..b", "dsthost: found a..b", "a name")]
    [InlineData("action=accept dsthost=example.org/24", "dsthost: found example.org/24", "a name")]
    [InlineData("action=accept specialtarget=ntp", "specialtarget: found ntp", "dns")]
    [InlineData("action=accept expire=soon", "expire: found soon", "0 to 253402300799")]
    [InlineData("action=accept comment=a\tb", "comment: found a\tb", "letters")]
    [InlineData("action=accept comment=$(reboot)", "comment: found $(reboot)", "letters")]
    public void Errors_name_key_value_and_what_is_allowed(string text, string seen, string allowed)
    {
        string message = Assert.Throws<FormatException>(() => FirewallRule.Parse(text)).Message;
        Assert.Contains(seen, message, StringComparison.Ordinal);
        Assert.Contains(allowed, message[message.IndexOf("allowed is", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    /// <summary>Whatever comes: a rule, or an error that says so.</summary>
    [Fact]
    public void Anything_else_is_an_error_and_nothing_worse()
    {
        string[] pieces =
        [
            "action=", "accept", "drop", " ", "=", "dst4=", "dst6=", "dsthost=", "proto=", "tcp", "icmp", "dstports=", "-", "0", "99999999999999999999", "1.2.3.4", "/", "::", "fe80::1%eth0",
            "comment=", "expire=", "\0", "ü", ".", "icmptype=", "specialtarget=", "dns", new('a', 300), new('.', 300),
        ];
        int rules = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5000).WithEndSize(12), Prop.ForAll(Gen.Elements(pieces).ListOf().ToArbitrary(), list =>
        {
            string text = "action=drop " + string.Concat(list);
            try
            {
                FirewallRule rule = FirewallRule.Parse(text);
                Assert.Equal(rule, FirewallRule.Parse(rule.ToString()));
                rules++;
            }
            catch (FormatException)
            {
            }
        }));
        Assert.True(rules > 50);
    }
}
