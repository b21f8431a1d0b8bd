namespace Makatea.Systems;

/// <summary>The checks of a system that its structure does not show: names refer to something, nothing is there twice.</summary>
internal static class SystemChecks
{
    /// <summary>Name of the disk that the key <c>root</c> describes.</summary>
    public const string RootDisk = "root";

    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        string[] domains = [.. system.Domains.Where(d => !d.IsNet).Select(d => d.Name.Value)];
        CheckNames(system, errors);
        foreach (QubeDescription qube in system.Qubes)
        {
            CheckQube(qube, domains, errors);
        }

        foreach (ComponentDescription component in system.Components)
        {
            CheckDisks(component.Disks, "", domains, errors);
        }

        ControllerChecks.Check(system, errors);
        NetChecks.Check(system, errors);
        ComponentChecks.Check(system, errors);
    }

    /// <summary>Domains, qubes and components are told apart by their names alone.</summary>
    private static void CheckNames(SystemDescription system, SystemFileErrors errors)
    {
        var seen = new Dictionary<string, (string What, SourceMark Mark)>(StringComparer.Ordinal);
        (string What, Located<string> Name)[] parts =
        [
            .. system.Domains.Select(d => ("domain", d.Name)), .. system.Qubes.Select(q => ("qube", q.Name)), .. system.Components.Select(c => ("component", c.Name)),
        ];
        foreach ((string what, Located<string> name) in parts.OrderBy(p => p.Name.Mark.Line))
        {
            if (!seen.TryAdd(name.Value, (what, name.Mark)))
            {
                (string other, SourceMark mark) = seen[name.Value];
                errors.Meaning(name.Mark, $"found the name '{name.Value}' for a {what} and a {other}, expected one of them; the other is in line {mark.Line}");
            }
        }
    }

    private static void CheckQube(QubeDescription qube, string[] domains, SystemFileErrors errors)
    {
        if (qube.Root is { } root)
        {
            root.Name = new(RootDisk, qube.Name.Mark);
        }

        if (qube.Kernel is null && !qube.Disks.Any())
        {
            errors.Meaning(qube.Name.Mark, $"'{qube.Name.Value}' has neither a kernel nor a disk, expected something to boot");
        }

        if (qube is { Vmm: { Value: VmmKind.Makatea } vmm, Kernel: null })
        {
            errors.Meaning(vmm.Mark, $"'{qube.Name.Value}' has no kernel, which makatea does not boot without, expected 'kernel:' or 'vmm: qemu'");
        }

        CheckDisks(qube.Disks, qube.Root is null ? "" : RootDisk, domains, errors);
    }

    private static void CheckDisks(IEnumerable<DiskDescription> disks, string root, string[] domains, SystemFileErrors errors)
    {
        var names = new Dictionary<string, SourceMark>(StringComparer.Ordinal);
        foreach (DiskDescription disk in disks.Where(d => d.Name.Value is not null))
        {
            if (!names.TryAdd(disk.Name.Value, disk.Name.Mark))
            {
                string other = disk.Name.Value == root ? "the key 'root' describes it" : $"line {names[disk.Name.Value].Line} has it";
                errors.Meaning(disk.Name.Mark, $"found the disk name '{disk.Name.Value}' again, expected another; {other}");
            }

            CheckDomain(disk, domains, errors);
            if (disk is { Template: not null, ReadOnly.Value: true })
            {
                errors.Meaning(disk.ReadOnly.Mark, "found read-only with a template, whose overlay is there to be written; expected 'image' in the place of 'template'");
            }
        }
    }

    private static void CheckDomain(DiskDescription disk, string[] domains, SystemFileErrors errors)
    {
        if (disk.Domain is { } domain)
        {
            if (!domains.Contains(domain.Value))
            {
                string known = domains.Length == 0 ? "but the file has no storage domains; add 'domains: {storage: {kind: storage}}'" : $"expected {Phrase.OneOf(domains)}";
                errors.Meaning(domain.Mark, $"found the domain '{domain.Value}', {known}{NearestName.Hint(domain.Value, domains)}");
            }
        }
        else if (domains.Length != 1)
        {
            string remedy = domains.Length == 0 ? "add 'domains: {storage: {kind: storage}}'" : $"add 'domain:' with {Phrase.OneOf(domains)}";
            errors.Meaning(disk.Name.Mark, $"disk '{disk.Name.Value}' names no domain and the file has {Phrase.Count(domains.Length, "storage domain")}; {remedy}");
        }
        else
        {
            disk.Domain = new(domains[0], disk.Name.Mark);
        }
    }
}
