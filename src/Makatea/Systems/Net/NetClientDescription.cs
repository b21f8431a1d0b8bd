namespace Makatea.Systems;

/// <summary>What can be a client of a net domain: a qube, or a component on seL4.</summary>
internal abstract class NetClientDescription
{
    /// <summary>What it is, for messages.</summary>
    public abstract string Noun { get; }

    /// <summary>Its name.</summary>
    public Located<string> Name { get; set; }

    /// <summary>The net domain that it is a client of; null for no network.</summary>
    public Located<string>? NetVm { get; set; }

    /// <summary>What its port at the net domain is like; null for the defaults.</summary>
    public PortDescription? Port { get; set; }

    /// <summary>Its addresses; null without a net domain, and before they were assigned.</summary>
    public PortAddresses? Addresses { get; set; }

    /// <summary>Its firewall's rules, the first to be matched first; null for none, which lets it out.</summary>
    public IReadOnlyList<Located<string>>? Firewall { get; set; }

    /// <summary>Ports of the world that lead to it.</summary>
    public IReadOnlyList<PublishDescription> Publish { get; set; } = [];
}
