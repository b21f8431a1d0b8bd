namespace Makatea.NetStack;

/// <summary>
/// The rules of a qube, compiled: the first that matches decides, and what none matches is dropped. Nothing is allocated when rules are matched.
/// </summary>
/// <remarks>
/// <para>A rule that names a host: one that accepts matches the addresses that the name has now, and none before it is resolved. One that drops matches all addresses that the name is
/// remembered to have had, and also none before it is resolved: such a rule blocks itself alone, where Qubes blocks the qube. Who wants a qube kept from a host
/// for certain lists what it may reach, not what it may not.</para>
/// <para>Another qube is reached only where a rule that accepts names that qube's address, alone: networks, names and rules for everything do not open one. Rules that drop match as ever.</para>
/// </remarks>
public sealed class FirewallRuleSet : IDisposable
{
    /// <summary>Rules at most.</summary>
    public const int MaxRules = 4096;

    private const ushort DnsPort = 53;
    private readonly CompiledRule[] _compiled;
    private readonly HostNames _names;
    private readonly List<int> _wanted = [];
    private bool _isDisposed;

    /// <summary>Compiles rules. On the forwarding thread, as names are made known.</summary>
    /// <param name="rules">The rules, the first to be matched first.</param>
    /// <param name="names">Where names get their addresses.</param>
    /// <param name="dnsServers">The name servers that the qube was told to use, for <see cref="FirewallRule.IsDns"/>.</param>
    /// <exception cref="ArgumentException">There are too many rules.</exception>
    public FirewallRuleSet(IReadOnlyList<FirewallRule> rules, HostNames names, IReadOnlyList<IpAddress> dnsServers)
    {
        if (rules.Count > MaxRules)
        {
            throw new ArgumentException($"{rules.Count} firewall rules for a qube, allowed are {MaxRules}", nameof(rules));
        }

        Rules = [.. rules];
        _names = names;
        var compiled = new List<CompiledRule>(rules.Count);
        foreach (FirewallRule rule in rules)
        {
            CompiledRule one = CompiledRule.Of(rule);
            if (rule.Name is not null)
            {
                one.Name = names.Want(rule.Name);
                _wanted.Add(one.Name);
            }

            if (!rule.IsDns)
            {
                compiled.Add(one);
                continue;
            }

            foreach (IpAddress server in dnsServers)
            {
                if (one.TryNarrow(server, DnsPort, out CompiledRule narrowed))
                {
                    compiled.Add(narrowed);
                }
            }
        }

        _compiled = [.. compiled];
    }

    /// <summary>What is known about rules that expire: when the next does, in seconds of UNIX time; <see cref="long.MaxValue"/> where none will.</summary>
    public long NextExpiry(long unixTime)
    {
        long next = long.MaxValue;
        foreach (FirewallRule rule in Rules)
        {
            next = rule.Expire is long expire && expire > unixTime ? Math.Min(next, expire) : next;
        }

        return next;
    }

    /// <summary>The rules.</summary>
    public IReadOnlyList<FirewallRule> Rules { get; }

    /// <summary>Whether a flow may begin.</summary>
    /// <param name="flow">What its first packet carries.</param>
    /// <param name="icmpType">Type of the ICMP message, with ICMP.</param>
    /// <param name="isToQube">The destination is another qube.</param>
    /// <param name="time">The time.</param>
    public bool Allows(in FlowKey flow, byte icmpType, bool isToQube, in FirewallTime time) => Match(flow, icmpType, isToQube, isKnown: false, time);

    /// <summary>
    /// Whether a flow that was allowed may go on under these rules. A name counts with all addresses that it is remembered to have had; with
    /// <paramref name="isLenient"/>, one that is not resolved counts as having the flow's.
    /// </summary>
    internal bool StillAllows(in FlowKey flow, byte icmpType, bool isToQube, bool isLenient, in FirewallTime time) =>
        Match(flow, icmpType, isToQube, isKnown: true, time) || (isLenient && !isToQube && MayMatchUnknown(flow, icmpType, time));

    /// <summary>Gives up names. The rules allow nothing any more.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _wanted.ForEach(_names.Release);
        }
    }

    private bool Match(in FlowKey flow, byte icmpType, bool isToQube, bool isKnown, in FirewallTime time)
    {
        foreach (ref readonly CompiledRule rule in _compiled.AsSpan())
        {
            if (rule.Matches(flow, icmpType) && rule.IsInForce(time) && (rule.Name < 0 || HasName(rule, flow.Destination, isKnown, time))
                && (!isToQube || !rule.IsAccept || rule.IsOneAddress))
            {
                return rule.IsAccept && !_isDisposed;
            }
        }

        return false;
    }

    private bool HasName(in CompiledRule rule, IpAddress address, bool isKnown, in FirewallTime time) =>
        _names.Has(rule.Name, address, rule.IsAccept && !isKnown ? time.Now : long.MinValue);

    private bool MayMatchUnknown(in FlowKey flow, byte icmpType, in FirewallTime time)
    {
        foreach (ref readonly CompiledRule rule in _compiled.AsSpan())
        {
            if (!rule.Matches(flow, icmpType) || !rule.IsInForce(time))
            {
                continue;
            }

            if (rule.Name < 0 || HasName(rule, flow.Destination, isKnown: true, time))
            {
                return rule.IsAccept;
            }

            if (rule.IsAccept && _names.IsUnknown(rule.Name))
            {
                return true;
            }
        }

        return false;
    }
}
