namespace Makatea.Systems;

/// <summary>What of a system file runs where: on Linux qubes, on seL4 components, on both domains.</summary>
internal static class Platforms
{
    /// <summary>Refuses what <c>makatea up</c> cannot run.</summary>
    /// <exception cref="SystemFileException">There is some.</exception>
    public static void RequireLinux(SystemDescription system, string path)
    {
        var errors = new SystemFileErrors();
        if (system.Components is [{ Name: var name }, ..])
        {
            errors.Meaning(name.Mark, $"found the component '{name.Value}': components of one's own run on seL4; 'makatea image {path}' makes what boots there");
        }

        Throw(path, errors);
    }

    /// <summary>Refuses what a seL4 image cannot hold.</summary>
    /// <exception cref="SystemFileException">There is some.</exception>
    public static void RequireSel4(SystemDescription system, string path)
    {
        var errors = new SystemFileErrors();
        foreach (QubeDescription qube in system.Qubes)
        {
            errors.Meaning(qube.Name.Mark, $"found the qube '{qube.Name.Value}': qubes do not run on seL4 yet; 'makatea up {path}' runs them on Linux. Expected components alone");
        }

        foreach (DomainDescription domain in system.Domains.Where(d => d.IsNet))
        {
            RefuseUplink(domain.Uplink!.Value.Value, errors);
        }

        RefuseSecond("controller", [.. system.Domains.Where(d => d.IsEmulated).Select(d => (d, d.Nvme!.Value.Mark))], errors);
        RefuseSecond("adapter", [.. system.Domains.Where(d => d.Uplink is { Value.IsEmulated: true }).Select(d => (d, d.Uplink!.Value.Value.E1000!.Value.Mark))], errors);

        Throw(path, errors);
    }

    private static void RefuseUplink(UplinkDescription uplink, SystemFileErrors errors)
    {
        if ((uplink.Tap ?? uplink.Interface) is { } name)
        {
            errors.Meaning(name.Mark, $"found the interface '{name.Value}' of Linux as uplink, which seL4 does not have; expected 'e1000:' with an adapter's PCI address or '{UplinkDescription.Emulated}'");
        }
        else if (uplink.NetVm is { } netVm)
        {
            errors.Meaning(netVm.Mark, $"found the net domain '{netVm.Value}' as uplink: images hold no chains of net domains yet; expected 'e1000:' with an adapter's PCI address or '{UplinkDescription.Emulated}'");
        }
        else if (uplink.Wire is { } wire)
        {
            errors.Meaning(wire.Mark, $"found the wire {wire.Value}, expected none: 'makatea boot --net' says where it goes");
        }
    }

    /// <summary>The machine of <c>makatea boot</c> has one device of each kind.</summary>
    private static void RefuseSecond(string what, (DomainDescription Domain, SourceMark Mark)[] emulated, SystemFileErrors errors)
    {
        foreach ((_, SourceMark mark) in emulated.Skip(1))
        {
            Located<string> first = emulated[0].Domain.Name;
            errors.Meaning(mark, $"found an emulated {what} again, expected its PCI address: the machine of 'makatea boot' has one, for domain '{first.Value}' in line {first.Mark.Line}");
        }
    }

    private static void Throw(string path, SystemFileErrors errors)
    {
        if (errors.Any)
        {
            throw new SystemFileException(path, errors.All);
        }
    }
}
