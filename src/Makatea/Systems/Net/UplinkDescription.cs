namespace Makatea.Systems;

/// <summary>How a net domain reaches the world. One of <see cref="Tap"/>, <see cref="Interface"/>, <see cref="E1000"/> and <see cref="NetVm"/> is there.</summary>
internal sealed class UplinkDescription
{
    /// <summary>What <see cref="E1000"/> is, in the place of a PCI address: a device model.</summary>
    public const string Emulated = "emulated";

    /// <summary>What the wire of a device model is by default: QEMU's own small network, which reaches what this machine reaches.</summary>
    public const string UserNetwork = "user";

    /// <summary>What the wire of a device model starts with that is a TAP device.</summary>
    public const string TapPrefix = "tap:";

    /// <summary>Name of a TAP device.</summary>
    public Located<string>? Tap { get; set; }

    /// <summary>Name of another network interface, such as one end of a veth pair.</summary>
    public Located<string>? Interface { get; set; }

    /// <summary>The adapter that the domain drives: a PCI address or <see cref="Emulated"/>.</summary>
    public Located<string>? E1000 { get; set; }

    /// <summary>What the wire of a device model is: <see cref="UserNetwork"/>, <c>tap:NAME</c>, <c>connect:PATH</c> or <c>listen:PATH</c>; null for the default.</summary>
    public Located<string>? Wire { get; set; }

    /// <summary>Another net domain, of which this one is a client as a qube is.</summary>
    public Located<string>? NetVm { get; set; }

    /// <summary>Its IPv4 address and network, A.B.C.D/N; null for DHCP.</summary>
    public Located<string>? Address { get; set; }

    /// <summary>The router of the IPv4 network.</summary>
    public Located<string>? Gateway { get; set; }

    /// <summary>Its IPv6 address and network; null for what routers advertise.</summary>
    public Located<string>? Address6 { get; set; }

    /// <summary>The router of the IPv6 network.</summary>
    public Located<string>? Gateway6 { get; set; }

    /// <summary>Name servers; those that DHCP tells of where there are none.</summary>
    public IReadOnlyList<Located<string>> Dns { get; set; } = [];

    /// <summary>The adapter is a device model.</summary>
    public bool IsEmulated => E1000 is { Value: Emulated };
}
