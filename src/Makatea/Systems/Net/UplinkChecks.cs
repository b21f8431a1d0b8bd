using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Systems;

/// <summary>The checks of uplinks.</summary>
internal static class UplinkChecks
{
    /// <summary>Checks one by itself.</summary>
    public static void Check(UplinkDescription uplink, SystemFileErrors errors)
    {
        if (uplink.NetVm is not null && (uplink.Address ?? uplink.Address6) is { } given)
        {
            errors.Meaning(given.Mark, $"found the address {given.Value} for an uplink to another net domain, expected none: its addresses are that domain's to give");
        }

        if (uplink.Wire is { } wire && !uplink.IsEmulated && uplink.E1000 is { } adapter)
        {
            errors.Meaning(wire.Mark, $"found a wire for the adapter {adapter.Value}, which has its own; expected none, or 'e1000: {UplinkDescription.Emulated}'");
        }

        CheckNetwork(uplink.Address, uplink.Gateway, isIPv4: true, errors);
        CheckNetwork(uplink.Address6, uplink.Gateway6, isIPv4: false, errors);
        foreach (Located<string> server in uplink.Dns)
        {
            if (!IpAddress.TryParse(server.Value, out IpAddress address) || !AddressPlan.IsStation(address))
            {
                errors.Meaning(server.Mark, $"found the name server {server.Value}, expected the IP address of one station");
            }
        }
    }

    /// <summary>Refuses interfaces and adapters with two users.</summary>
    public static void CheckUsers(SystemDescription system, SystemFileErrors errors)
    {
        var interfaces = new Dictionary<string, DomainDescription>(StringComparer.Ordinal);
        var functions = new Dictionary<PciAddress, DomainDescription>();
        foreach (DomainDescription domain in system.Domains.Where(d => d is { IsEmulated: false, Nvme: not null }))
        {
            if (PciAddress.TryParse(domain.Nvme!.Value.Value, out PciAddress address))
            {
                functions.TryAdd(address, domain);
            }
        }

        foreach (DomainDescription domain in system.Domains.Where(d => d.Uplink is not null))
        {
            UplinkDescription uplink = domain.Uplink!.Value.Value;
            Located<string>? wired = uplink.Wire is { } wire && wire.Value.StartsWith(UplinkDescription.TapPrefix, StringComparison.Ordinal) ? new(wire.Value[UplinkDescription.TapPrefix.Length..], wire.Mark) : null;
            if ((uplink.Tap ?? uplink.Interface ?? wired) is { } name && !interfaces.TryAdd(name.Value, domain))
            {
                DomainDescription other = interfaces[name.Value];
                errors.Meaning(name.Mark, $"found the interface {name.Value} again, expected another; domain '{other.Name.Value}' in line {other.Name.Mark.Line} has it");
            }

            if (uplink.E1000 is { } adapter && PciAddress.TryParse(adapter.Value, out PciAddress address) && !functions.TryAdd(address, domain))
            {
                DomainDescription other = functions[address];
                errors.Meaning(adapter.Mark, $"found the function {address} again, expected another; domain '{other.Name.Value}' in line {other.Name.Mark.Line} drives it");
            }
        }
    }

    private static void CheckNetwork(Located<string>? written, Located<string>? gateway, bool isIPv4, SystemFileErrors errors)
    {
        if (written is not { } network)
        {
            return;
        }

        if (!TryParse(network.Value, isIPv4, out IpAddress address, out IpPrefix prefix) || !AddressPlan.IsStation(address) || (prefix.Length < (isIPv4 ? 31 : 127) && address == prefix.Address))
        {
            string example = isIPv4 ? "192.168.1.7/24" : "fd00::7/64";
            errors.Meaning(network.Mark, $"found {network.Value}, expected an address of one station and the length of its network, such as {example}");
        }
        else if (gateway is { } router
            && (!IpAddress.TryParse(router.Value, out IpAddress at) || at.IsIPv4 != isIPv4 || at == address || !(prefix.Contains(at) || (!isIPv4 && at.IsLinkLocal))))
        {
            errors.Meaning(router.Mark, $"found the gateway {router.Value}, expected another address of the network {prefix}");
        }
    }

    /// <summary>Reads an address with the length of its network.</summary>
    public static bool TryParse(string text, bool isIPv4, out IpAddress address, out IpPrefix prefix)
    {
        string[] parts = text.Split('/');
        prefix = default;
        if (!IpAddress.TryParse(parts[0], out address) || address.IsIPv4 != isIPv4 || parts.Length != 2
            || !byte.TryParse(parts[1], out byte length) || length == 0 || length > (isIPv4 ? 32 : 128))
        {
            return false;
        }

        prefix = new(address, length);
        return true;
    }
}
