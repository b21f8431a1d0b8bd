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
            RefuseNet(domain, path, errors);
        }

        DomainDescription[] emulated = [.. system.Domains.Where(d => d.IsEmulated)];
        foreach (DomainDescription domain in emulated.Skip(1))
        {
            errors.Meaning(domain.Nvme!.Value.Mark, $"found an emulated controller again, expected its PCI address: the machine of 'makatea boot' has one, for domain '{emulated[0].Name.Value}' in line {emulated[0].Name.Mark.Line}");
        }

        Throw(path, errors);
    }

    private static void RefuseNet(DomainDescription domain, string path, SystemFileErrors errors)
    {
        if (domain.Uplink?.Value is { } uplink && (uplink.Tap ?? uplink.Interface) is { } name)
        {
            errors.Meaning(name.Mark, $"found the interface '{name.Value}' of Linux as uplink, which seL4 does not have; expected 'e1000:' with an adapter's PCI address or '{UplinkDescription.Emulated}'");
        }
        else
        {
            errors.Meaning(domain.Name.Mark, $"found the net domain '{domain.Name.Value}': images hold no net domains yet; 'makatea up {path}' runs it on Linux");
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
