using System.Globalization;

namespace Makatea.Systems;

/// <summary>The checks of components on seL4: what they share has both its ends, and nothing has two owners.</summary>
internal static class ComponentChecks
{
    private const string File = "files are not there on seL4";

    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        foreach (ComponentDescription component in system.Components)
        {
            if (component.Name.Value == ComponentDefaults.Console)
            {
                errors.Meaning(component.Name.Mark, $"found a component called '{ComponentDefaults.Console}', expected another name: every image has one, which writes what the others say");
            }

            if (component.Memory is { } memory)
            {
                CheckMemory(component, memory, errors);
            }

            if (component.Guest is { } guest)
            {
                CheckGuest(component, guest, errors);
            }

            CheckDisks(component, errors);
            CheckRegions(system, component, errors);
            CheckBudget(component.Scheduling, errors);
            if (component is { Layer: ComponentLayer.None, Disks: [{ } disk, ..] })
            {
                errors.Meaning(disk.Name.Mark, $"found a disk of component '{component.Name.Value}', which has no layer; expected none, or 'layer: linux', whose programs have a driver for it");
            }

            if (component is { Layer: ComponentLayer.None, NetVm: { } netVm })
            {
                errors.Meaning(netVm.Mark, $"found a net domain of component '{component.Name.Value}', which has no layer; expected none, or 'layer: linux', whose programs have a driver for it");
            }

            if (component.Hears.Count != 0 && component.Scheduling.Waiters == 0)
            {
                errors.Meaning(component.Hears[0].Mark, $"component '{component.Name.Value}' hears a doorbell and has no waiters, expected at least one");
            }
        }

        foreach (DomainDescription domain in system.Domains)
        {
            CheckBudget(domain.Scheduling, errors);
        }

        foreach (RegionDescription region in system.Regions)
        {
            CheckPages(region.Name, region.Length, "region", errors);
            if (!system.Components.Any(c => c.Regions.Any(r => r.Name.Value == region.Name.Value)))
            {
                errors.Meaning(region.Name.Mark, $"found the region '{region.Name.Value}', which no component has; expected 'regions:' with it in one");
            }
        }

        DoorbellChecks.Check(system, errors);
        HardwareChecks.Check(system, errors);
        ConnectionChecks.Check(system, errors);
    }

    /// <summary>Reports a length that is no whole number of pages.</summary>
    public static void CheckPages(Located<string> name, ulong length, string what, SystemFileErrors errors)
    {
        if (length % 4096 != 0)
        {
            errors.Meaning(name.Mark, $"the {what} '{name.Value}' has {length.ToString(CultureInfo.InvariantCulture)} bytes, expected whole pages of 4K");
        }
    }

    private static void CheckMemory(ComponentDescription component, Located<ulong> memory, SystemFileErrors errors)
    {
        CheckPages(new("memory", memory.Mark), memory.Value, "component's", errors);
        if (component.Layer == ComponentLayer.Linux && memory.Value < ComponentDefaults.FewestMemory)
        {
            errors.Meaning(memory.Mark, $"found {SizeShape.Format(memory.Value)} for a .NET program, expected at least {SizeShape.Format(ComponentDefaults.FewestMemory)}: its collector and its threads' stacks need as much");
        }
    }

    private static void CheckGuest(ComponentDescription component, Located<ulong> guest, SystemFileErrors errors)
    {
        const ulong Granularity = 2 << 20;
        if (guest.Value % Granularity != 0)
        {
            errors.Meaning(guest.Mark, $"found {guest.Value.ToString(CultureInfo.InvariantCulture)} bytes for a guest, expected a multiple of 2M");
        }

        if (component.Layer == ComponentLayer.None)
        {
            errors.Meaning(guest.Mark, $"found a guest of component '{component.Name.Value}', which has no layer; expected none, or 'layer: linux', whose threads enter guests");
        }
    }

    private static void CheckDisks(ComponentDescription component, SystemFileErrors errors)
    {
        foreach (DiskDescription disk in component.Disks.Where(d => d.Name.Value is not null))
        {
            if (disk.Template is { } template)
            {
                errors.Meaning(template.Mark, $"found a template for a component's disk, expected an image: {File}, so there is nothing to keep an overlay in");
            }
            else if (disk.Image is { } image && !NvmeImage.TryParse(image.Value, out _, out _) && !NullImage.TryParse(image.Value, out _, out _))
            {
                errors.Meaning(image.Mark, $"found the image {image.Value}, expected nvme:ID or null:SIZE: {File}; put it into a namespace of an NVMe controller");
            }

            if (disk.Memory is { } memory && memory.Value % 4096 != 0)
            {
                errors.Meaning(memory.Mark, $"found {memory.Value} bytes of memory for a disk, expected whole pages of 4K");
            }
        }
    }

    private static void CheckRegions(SystemDescription system, ComponentDescription component, SystemFileErrors errors)
    {
        string[] known = [.. system.Regions.Select(r => r.Name.Value)];
        foreach (RegionUse use in component.Regions.Where(u => !known.Contains(u.Name.Value)))
        {
            string expected = known.Length == 0 ? "but the system has none; add 'regions: {NAME: SIZE}' to it" : $"expected {Phrase.OneOf(known)}";
            errors.Meaning(use.Name.Mark, $"found the region '{use.Name.Value}', {expected}{NearestName.Hint(use.Name.Value, known)}");
        }

        if (component.Regions.FirstOrDefault(r => r.Access == RegionAccess.Device) is { } reached && component.Functions.Count == 0)
        {
            errors.Meaning(reached.Name.Mark, $"found that devices of component '{component.Name.Value}' may reach the region '{reached.Name.Value}', but it has none; expected 'write', or 'functions:'");
        }
    }

    private static void CheckBudget(ComponentScheduling scheduling, SystemFileErrors errors)
    {
        long period = scheduling.Period ?? ComponentDefaults.Period;
        if (scheduling.Budget is { } budget && budget.Value > period)
        {
            errors.Meaning(budget.Mark, $"found {budget.Value}us of each {period}us, expected at most all of it; add 'period:' with a longer one");
        }
    }
}
