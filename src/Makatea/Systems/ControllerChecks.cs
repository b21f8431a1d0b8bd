using Makatea.Platform;

namespace Makatea.Systems;

/// <summary>The checks of domains' NVMe controllers: each has one user, and disks name namespaces that are there.</summary>
internal static class ControllerChecks
{
    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        var drivers = new Dictionary<PciAddress, DomainDescription>();
        foreach (DomainDescription domain in system.Domains)
        {
            CheckDomain(domain, drivers, errors);
        }

        foreach (DiskDescription disk in system.Disks)
        {
            if ((disk.Image ?? disk.Template) is { } image && NvmeImage.TryParse(image.Value, out int id, out string? problem))
            {
                if (problem is not null)
                {
                    errors.Meaning(image.Mark, problem);
                }
                else if (system.Domains.FirstOrDefault(d => d.Name.Value == disk.Domain?.Value) is { } domain)
                {
                    CheckNamespace(disk, image, id, domain, errors);
                }
            }
        }
    }

    private static void CheckDomain(DomainDescription domain, Dictionary<PciAddress, DomainDescription> drivers, SystemFileErrors errors)
    {
        if (domain.Nvme is not { } nvme)
        {
            return;
        }

        if (domain.IsEmulated)
        {
            if (domain.Namespaces.Count == 0)
            {
                errors.Meaning(nvme.Mark, $"found an emulated controller that stores nothing, expected 'namespaces:' with a raw file for each; make one with: truncate -s 1G FILE");
            }

            return;
        }

        if (domain.Namespaces.Count != 0)
        {
            errors.Meaning(domain.Namespaces[0].Mark, $"found namespaces for the controller {nvme.Value}, which has its own; expected none, or 'nvme: {NvmeImage.Emulated}'");
        }

        if (PciAddress.TryParse(nvme.Value, out PciAddress address) && !drivers.TryAdd(address, domain))
        {
            errors.Meaning(nvme.Mark, $"found the controller {address} again, expected another; domain '{drivers[address].Name.Value}' in line {drivers[address].Name.Mark.Line} drives it");
        }
    }

    private static void CheckNamespace(DiskDescription disk, Located<string> image, int id, DomainDescription domain, SystemFileErrors errors)
    {
        if (domain.Nvme is null)
        {
            errors.Meaning(image.Mark, $"found {image.Value}, but domain '{domain.Name.Value}' drives no NVMe controller; add 'nvme:' with its PCI address or '{NvmeImage.Emulated}' to it");
        }
        else if (domain.IsEmulated && domain.Namespaces.Count != 0 && id > domain.Namespaces.Count)
        {
            errors.Meaning(image.Mark, $"found {image.Value}, expected nvme:1{(domain.Namespaces.Count == 1 ? "" : $" to nvme:{domain.Namespaces.Count}")}: domain '{domain.Name.Value}' has as many namespaces");
        }
        else if (disk.Template is not null && !domain.IsEmulated)
        {
            errors.Meaning(image.Mark, $"found a template on the controller {domain.Nvme.Value.Value}, whose size is not known before it is driven; expected a file, or an image");
        }
    }
}
