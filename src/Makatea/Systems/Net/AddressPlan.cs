using System.Globalization;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Systems;

/// <summary>The addresses of a client, or of a net domain towards its clients and its own net domain.</summary>
internal sealed record PortAddresses(IpAddress Ip, IpAddress Ip6, MacAddress Mac);

/// <summary>
/// Who has which address, in Qubes' way: one number each, of which the addresses are made. Net domains have 1 to 16, qubes the following ones, in the order of the file and past
/// what was given to others. An address is said explicitly where it must stay the same when the file changes.
/// </summary>
internal sealed class AddressPlan
{
    /// <summary>Number of the first qube.</summary>
    public const int FirstQube = 17;

    /// <summary>The Ethernet address of every net domain towards its clients, as in Qubes.</summary>
    public static readonly MacAddress DomainMac = new(0xfeff_ffff_ffff);

    /// <summary>Where clients send their questions for names, as in Qubes: no machine has these addresses, the net domain answers.</summary>
    public static readonly IReadOnlyList<IpAddress> NameServers = [IpAddress.FromIPv4(0x0a8b_0101), IpAddress.FromIPv4(0x0a8b_0102)];

    private const uint FirstIp = 0x0a89_0000; // 10.137.0.0
    private const ulong FirstMac = 0x0016_3e5e_6c00;
    private static readonly UInt128 _firstIp6 = new(0xfd09_24ef_4179_0000, 0x0000_0000_0a89_0000); // fd09:24ef:4179::a89:0

    private readonly Dictionary<string, string> _owners = new(StringComparer.Ordinal);
    private readonly SystemFileErrors _errors;

    private AddressPlan(SystemFileErrors errors)
    {
        _errors = errors;
        foreach (IpAddress server in NameServers)
        {
            _owners.Add(server.ToString(), "every net domain's service for names");
        }

        _owners.Add(DomainMac.ToString(), "every net domain");
    }

    /// <summary>Gives addresses to all that has none, and refuses wrong ones and those that are there twice.</summary>
    /// <param name="system">A system that may have been read in part.</param>
    /// <param name="errors">Receives the errors.</param>
    public static void Assign(SystemDescription system, SystemFileErrors errors)
    {
        var plan = new AddressPlan(errors);
        int number = 1;
        foreach (DomainDescription domain in system.Domains.Where(d => d.IsNet))
        {
            domain.Addresses = Default(number++);
            plan.Claim(domain.Addresses, $"domain '{domain.Name.Value}' in line {domain.Name.Mark.Line}");
        }

        NetClientDescription[] clients = [.. system.NetClients.Where(c => c.NetVm is not null)];
        foreach (NetClientDescription client in clients)
        {
            plan.ClaimWritten(client);
        }

        number = FirstQube;
        foreach (NetClientDescription client in clients)
        {
            PortDescription port = client.Port ?? new();
            PortAddresses made;
            if (NumberOf(port) is { } own && plan.IsFree(Default(own), port))
            {
                made = Default(own);
            }
            else
            {
                while (!plan.IsFree(Default(number), port))
                {
                    number++;
                }

                made = Default(number++);
            }

            plan.Claim(made, $"{client.Noun} '{client.Name.Value}' in line {client.Name.Mark.Line}");
            client.Addresses = new(
                port.Ip is { } ip && IpAddress.TryParse(ip.Value, out IpAddress written) ? written : made.Ip,
                port.Ip6 is { } ip6 && IpAddress.TryParse(ip6.Value, out IpAddress written6) ? written6 : made.Ip6,
                port.Mac is { } mac && MacAddress.TryParse(mac.Value, out MacAddress writtenMac) ? writtenMac : made.Mac);
        }
    }

    /// <summary>The addresses of a number.</summary>
    public static PortAddresses Default(int number) =>
        new(IpAddress.FromIPv4(FirstIp + (uint)number), new(_firstIp6 + (uint)number), new(FirstMac + (uint)number));

    /// <summary>The number that a written IPv4 address is made of: its other addresses are made of it as well.</summary>
    private static int? NumberOf(PortDescription port) =>
        port.Ip is { } ip && IpAddress.TryParse(ip.Value, out IpAddress address) && address.IsIPv4 && address.IPv4 - FirstIp is > 0 and < 255 and var number ? (int)number : null;

    private bool IsFree(PortAddresses made, PortDescription port) =>
        (port.Ip is not null || !_owners.ContainsKey(made.Ip.ToString()))
        && (port.Ip6 is not null || !_owners.ContainsKey(made.Ip6.ToString()))
        && (port.Mac is not null || !_owners.ContainsKey(made.Mac.ToString()));

    private void Claim(PortAddresses addresses, string owner)
    {
        _owners[addresses.Ip.ToString()] = owner;
        _owners[addresses.Ip6.ToString()] = owner;
        _owners[addresses.Mac.ToString()] = owner;
    }

    private void ClaimWritten(NetClientDescription client)
    {
        if (client.Port is not { } port)
        {
            return;
        }

        if (port.Ip is { } ip)
        {
            ClaimIp(client, ip, isIPv4: true, "an IPv4 address, such as 10.137.0.40");
        }

        if (port.Ip6 is { } ip6)
        {
            ClaimIp(client, ip6, isIPv4: false, "an IPv6 address, such as fd09:24ef:4179::a89:28");
        }

        if (port.Mac is { } written)
        {
            MacAddress.TryParse(written.Value, out MacAddress mac);
            if (mac.IsMulticast || mac.Value == 0)
            {
                _errors.Meaning(written.Mark, $"found {written.Value}, expected the address of one station, such as {Default(FirstQube).Mac}");
            }
            else
            {
                ClaimOne(client, written, mac.ToString());
            }
        }
    }

    private void ClaimIp(NetClientDescription client, Located<string> written, bool isIPv4, string expected)
    {
        if (!IpAddress.TryParse(written.Value, out IpAddress address) || address.IsIPv4 != isIPv4)
        {
            _errors.Meaning(written.Mark, $"found {written.Value}, expected {expected}");
        }
        else if (!IsStation(address))
        {
            _errors.Meaning(written.Mark, $"found {written.Value}, expected the address of one station");
        }
        else
        {
            ClaimOne(client, written, address.ToString());
        }
    }

    private void ClaimOne(NetClientDescription client, Located<string> written, string address)
    {
        string owner = string.Create(CultureInfo.InvariantCulture, $"{client.Noun} '{client.Name.Value}' in line {written.Mark.Line}");
        if (!_owners.TryAdd(address, owner))
        {
            _errors.Meaning(written.Mark, $"found the address {address} again, expected another; {_owners[address]} has it");
        }
    }

    /// <summary>Whether a machine can have an address: not a group's, nor one that means none, oneself or the link.</summary>
    public static bool IsStation(IpAddress address) =>
        !address.IsMulticast && !address.IsUnspecified && !address.IsLoopback && !address.IsLinkLocal && (!address.IsIPv4 || address.IPv4 >> 24 is not 0 and < 240);
}
