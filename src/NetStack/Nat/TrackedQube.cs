namespace Makatea.NetStack;

/// <summary>What the tracker knows of a qube: its addresses and its rules.</summary>
internal sealed class TrackedQube(IpAddress? address4, IpAddress? address6, FirewallRuleSet rules)
{
    /// <summary>Its rules.</summary>
    public FirewallRuleSet Rules { get; set; } = rules;

    /// <summary>When its flows are to be looked at once more, strictly; <see cref="long.MaxValue"/> where there is no need.</summary>
    public long Recheck { get; set; } = long.MaxValue;

    /// <summary>When the next of its rules expires, in seconds of UNIX time.</summary>
    public long NextExpiry { get; set; } = long.MaxValue;

    /// <summary>Whether an address is the qube's.</summary>
    public bool Has(IpAddress address) => address == address4 || address == address6;
}
