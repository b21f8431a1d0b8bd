using FsCheck;
using FsCheck.Fluent;

namespace Makatea.NetStack.Tests;

public sealed class FirewallRuleSetTests
{
    private static readonly IpAddress[] _dns = [TestPacket.Ip("10.139.1.1"), TestPacket.Ip("10.139.1.2"), TestPacket.Ip("fd09:24ef:4179::a8b:101")];
    private static readonly string[] _addresses =
    [
        "10.137.0.6", "10.139.1.1", "93.184.216.34", "93.184.217.1", "1.1.1.1", "2001:db8::9", "2001:db9::9", "fd09:24ef:4179::a89:6", "fd09:24ef:4179::a8b:101",
    ];

    private static readonly FirewallTime _time = new(0, 1000);

    /// <summary>The compiled rules decide as a plain reading of the rules does.</summary>
    [Fact]
    public void The_first_rule_that_matches_decides()
    {
        Gen<(FirewallRule[] Rules, FlowKey Flow, byte Type, bool IsToQube)> questions =
            from count in Gen.Choose(0, 20)
            from rules in FirewallRuleTests.AnyRule.ListOf(count)
            from address in Gen.Elements(_addresses)
            from protocol in Gen.Elements<byte>(1, 6, 17, 47)
            from port in Gen.OneOf(Gen.Elements(0, 53, 65535), Gen.Choose(0, 65535))
            from like in Gen.Choose(0, 20)
            from type in Gen.Elements<byte>(8, 0, 128)
            from isToQube in Gen.Elements(true, false)
            let isIPv6 = address.Contains(':')
            let number = isIPv6 && protocol == 1 ? (byte)58 : protocol
            let near = like < rules.Count && rules[like].Ports is { } ports ? ports.Last : port
            select (rules.ToArray(), new FlowKey(TestPacket.Ip(isIPv6 ? "fd09::5" : "10.137.0.5"), TestPacket.Ip(address), 4000, number is 6 or 17 ? (ushort)near : (ushort)0, number), type, isToQube);
        int allowed = 0;
        int asked = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(3000), Prop.ForAll(questions.ToArbitrary(), question =>
        {
            HostNames names = Names();
            using var rules = new FirewallRuleSet(question.Rules, names, _dns);
            Learn(names);
            bool expected = ByReading(question.Rules, question.Flow, question.Type, question.IsToQube);
            Assert.Equal(expected, rules.Allows(question.Flow, question.Type, question.IsToQube, _time));
            allowed += expected ? 1 : 0;
            asked++;
        }));
        Assert.InRange(allowed, asked / 10, asked * 9 / 10);
    }

    [Fact]
    public void Without_rules_and_after_their_end_nothing_is_allowed()
    {
        Assert.False(Set("").Allows(To("1.1.1.1"), 0, false, _time));
        FirewallRuleSet rules = Set("action=accept");
        Assert.True(rules.Allows(To("1.1.1.1"), 0, false, _time));
        rules.Dispose();
        Assert.False(rules.Allows(To("1.1.1.1"), 0, false, _time));
    }

    [Theory]
    [InlineData("action=accept", false)]
    [InlineData("action=accept dst4=10.137.0.0/16", false)]
    [InlineData("action=accept dst4=10.137.0.6/31", false)]
    [InlineData("action=accept dsthost=neighbour.example", false)]
    [InlineData("action=accept dst4=10.137.0.6", true)]
    [InlineData("action=accept dst4=10.137.0.7;action=accept", false)]
    [InlineData("action=drop;action=accept dst4=10.137.0.6", false)]
    [InlineData("action=accept proto=tcp dst4=10.137.0.6 dstports=80", false)]
    [InlineData("action=accept proto=udp dst4=10.137.0.6 dstports=53", true)]
    public void Another_qube_is_reached_only_by_its_own_address(string text, bool isAllowed)
    {
        var names = new HostNames();
        using FirewallRuleSet rules = Set(text, names);
        names.Learn("neighbour.example", TestPacket.Ip("10.137.0.6"), 1000, 0);
        Assert.Equal(isAllowed, rules.Allows(To("10.137.0.6"), 0, isToQube: true, _time));
    }

    [Fact]
    public void A_name_that_does_not_resolve_blocks_its_rule_alone()
    {
        var names = new HostNames();
        using FirewallRuleSet rules = Set("action=accept dsthost=a.example;action=drop dsthost=b.example;action=accept dst4=1.0.0.0/8", names);
        Assert.False(rules.Allows(To("93.184.216.34"), 0, false, _time));
        Assert.True(rules.Allows(To("1.1.1.1"), 0, false, _time));
        names.Learn("a.example", TestPacket.Ip("93.184.216.34"), 1000, 0);
        names.Learn("b.example", TestPacket.Ip("1.1.1.1"), 1000, 0);
        Assert.True(rules.Allows(To("93.184.216.34"), 0, false, _time));
        Assert.False(rules.Allows(To("1.1.1.1"), 0, false, _time));

        // An address counts for a while longer than its time to live; to drop, for as long as it is remembered.
        Assert.True(rules.Allows(To("93.184.216.34"), 0, false, _time with { Now = 60_999 }));
        Assert.False(rules.Allows(To("93.184.216.34"), 0, false, _time with { Now = 61_000 }));
        Assert.False(rules.Allows(To("1.1.1.1"), 0, false, _time with { Now = 10_000_000 }));
        Assert.True(rules.StillAllows(To("93.184.216.34"), 0, false, false, _time with { Now = 10_000_000 }));
    }

    [Fact]
    public void Rules_expire_and_before_the_time_is_known_they_only_drop()
    {
        using FirewallRuleSet rules = Set("action=drop dst4=1.1.1.1 expire=1000;action=accept expire=2000");
        bool At(string address, long time) => rules.Allows(To(address), 0, false, new(0, time));

        Assert.Equal((false, true), (At("1.1.1.1", 999), At("1.1.1.2", 999)));
        Assert.Equal((true, true), (At("1.1.1.1", 1000), At("1.1.1.2", 1000)));
        Assert.Equal((false, false), (At("1.1.1.1", 2000), At("1.1.1.2", 2000)));
        Assert.Equal((false, false), (At("1.1.1.1", -1), At("1.1.1.2", -1)));
        Assert.Equal((1000, 2000, long.MaxValue), (rules.NextExpiry(999), rules.NextExpiry(1000), rules.NextExpiry(2000)));
    }

    [Fact]
    public void Names_are_asked_for_while_rules_want_them_and_the_oldest_address_makes_place()
    {
        var names = new HostNames();
        FirewallRuleSet rules = Set("action=accept dsthost=a.example;action=accept dsthost=b.example;action=accept dsthost=a.example", names);
        Assert.True(names.TryTakeDue(0, out string first, out _));
        Assert.True(names.TryTakeDue(0, out string second, out _));
        Assert.Equal(["a.example", "b.example"], new[] { first, second });
        Assert.False(names.TryTakeDue(0, out _, out long next));
        Assert.Equal(15_000, next);
        names.Learn("a.example", TestPacket.Ip("1.1.1.1"), 100_000, 0);
        Assert.True(names.TryTakeDue(15_000, out second, out _));
        Assert.Equal("b.example", second);
        Assert.False(names.TryTakeDue(29_999, out _, out next));
        Assert.Equal(30_000, next);

        for (int i = 1; i <= HostNames.MaxAddresses; i++)
        {
            names.Learn("a.example", IpAddress.FromIPv4(0x0200_0000 + (uint)i), 200_000 + i, 0);
        }

        Assert.False(rules.Allows(To("1.1.1.1"), 0, false, _time));
        Assert.True(rules.Allows(To("2.0.0.1"), 0, false, _time));
        Assert.True(names.IsWanted("a.example"));
        Assert.False(names.IsWanted("c.example"));
        rules.Dispose();
        rules.Dispose();
        Assert.False(names.IsWanted("a.example"));
        Assert.False(names.TryTakeDue(long.MaxValue - 1, out _, out _));
        using FirewallRuleSet others = Set("action=accept dsthost=c.example", names);
        Assert.False(others.Allows(To("2.0.0.1"), 0, false, _time));
    }

    [Fact]
    public void Too_many_rules_are_refused() =>
        Assert.Contains("4097", Assert.Throws<ArgumentException>(() => new FirewallRuleSet([.. Enumerable.Repeat(FirewallRule.Parse("action=drop"), 4097)], new(), [])).Message);

    /// <summary>What the rules say, rule by rule, in the words of Qubes' documentation.</summary>
    private static bool ByReading(FirewallRule[] rules, FlowKey flow, byte type, bool isToQube)
    {
        string[] protocols = flow.Protocol switch { 6 => ["Any", "Tcp"], 17 => ["Any", "Udp"], 1 => ["Any", "Icmp"], 58 => ["Any", "Icmp", "Icmp6"], _ => ["Any"] };
        FirewallRule? decides = rules.FirstOrDefault(rule =>
            protocols.Contains(rule.Protocol.ToString())
            && (rule.Network is not { } network || network.Contains(flow.Destination))
            && (rule.Name is not { } name || (name == "example.org" && flow.Destination == TestPacket.Ip("93.184.216.34")))
            && (rule.Ports is not { } ports || (flow.DestinationPort >= ports.First && flow.DestinationPort <= ports.Last))
            && (rule.IcmpType is not { } icmp || icmp == type)
            && (!rule.IsDns || (_dns.Contains(flow.Destination) && flow.DestinationPort == 53 && flow.Protocol is 6 or 17))
            && (rule.Expire is not { } expire || expire > 1000)
            && (!isToQube || rule.Action == FirewallAction.Drop || rule.IsDns || rule.Network is { Length: 32, Address.IsIPv4: true } or { Length: 128 }));
        return decides?.Action == FirewallAction.Accept;
    }

    private static HostNames Names() => new();

    private static void Learn(HostNames names)
    {
        names.Learn("example.org", TestPacket.Ip("93.184.216.34"), 60_000, 0);
        names.Learn("not.wanted", TestPacket.Ip("1.1.1.1"), 60_000, 0);
    }

    private static FirewallRuleSet Set(string text, HostNames? names = null) =>
        new([.. text.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(FirewallRule.Parse)], names ?? new(), _dns);

    private static FlowKey To(string address) => new(TestPacket.Ip("10.137.0.5"), TestPacket.Ip(address), 4000, 53, 17);
}
