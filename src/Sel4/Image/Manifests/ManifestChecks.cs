using System.Runtime.CompilerServices;
using System.Text;

namespace Makatea.Sel4.Image.Manifests;

/// <summary>What the root task relies on in a manifest, beyond its layout: it stops at the first thing that does not hold, on a machine that has no other console.</summary>
internal static class ManifestChecks
{
    private const ulong Page = 4096;
    private const int LongestName = 255;
    private const int BarsOfFunction = 6;
    private const ulong EndOfPorts = 0x1_0000;
    private const ulong EndOfAddresses = 1ul << 52;

    /// <summary>All that does not hold, a line each.</summary>
    public static IEnumerable<string> Check(Manifest manifest) =>
    [
        .. CheckCounts(manifest),
        .. CheckNames("component", manifest.Components.Select(c => c.Name)),
        .. CheckNames("region", manifest.Regions.Select(r => r.Name)),
        .. CheckNames("doorbell", manifest.Doorbells),
        .. CheckNames("function", manifest.Functions.Select(f => f.Name)),
        .. manifest.Components.SelectMany(c => CheckComponent(manifest, c)),
        .. manifest.Regions.Where(r => r.Length == 0 || r.Length % Page != 0 || r.Length > ManifestLayout.MaxMemory).Select(r => $"region '{r.Name}' has {r.Length} bytes, needed are whole pages of {Page}"),
        .. CheckDoorbells(manifest),
        .. CheckFunctions(manifest),
    ];

    /// <summary>Bytes that the root task writes before a component's grants to tell it what it is and has, and how many grants (<see cref="ComponentInfo"/>).</summary>
    public static (int Texts, int Grants) InfoLength(Manifest manifest, Component component)
    {
        // With a function come its registers and its interrupts.
        int functions = component.Grants.Where(g => g.Kind == GrantKind.Function && g.Number < (ulong)manifest.Functions.Count).Sum(g => BarsOfFunction + manifest.Functions[(int)g.Number].Vectors);
        int texts = Whole(Length(component.Name)) + Whole(component.Arguments.Sum(t => Length(t) + 1)) + Whole(component.Environment.Sum(t => Length(t) + 1)) + component.Grants.Sum(g => Whole(Length(g.Name)));
        return (Unsafe.SizeOf<ComponentInfo>() + (((int)BoardValue.Count + ComponentLayout.MaxUntypeds) * sizeof(ulong)) + texts, component.Grants.Count + functions);
    }

    private static int Whole(int length) => (length + 7) & ~7;

    private static int Length(string text) => Encoding.UTF8.GetByteCount(text);

    private static IEnumerable<string> CheckCounts(Manifest manifest)
    {
        (string What, int Count, int Most)[] counts =
        [
            ("components", manifest.Components.Count, ManifestLayout.MaxComponents),
            ("regions", manifest.Regions.Count, ManifestLayout.MaxObjects),
            ("doorbells", manifest.Doorbells.Count, ManifestLayout.MaxObjects),
            ("functions", manifest.Functions.Count, ManifestLayout.MaxObjects),
            ("grants", manifest.Components.Sum(c => c.Grants.Count), ManifestLayout.MaxObjects),
        ];
        foreach ((string what, int count, int most) in counts.Where(c => c.Count > c.Most))
        {
            yield return $"the system has {count} {what}, allowed are {most}";
        }

        if (manifest.Components.Count == 0)
        {
            yield return "the system has no component";
        }

        if (manifest.Components.Count(c => c.Flags.HasFlag(ComponentFlags.Console)) > 1)
        {
            yield return "several components serve the console, allowed is one";
        }
    }

    private static IEnumerable<string> CheckNames(string what, IEnumerable<string> names)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (name.Length == 0 || Length(name) > LongestName || name.Any(char.IsControl))
            {
                yield return $"a {what} is called '{name}', needed are 1 to {LongestName} bytes without control characters";
            }
            else if (!seen.Add(name))
            {
                yield return $"two {what}s are called '{name}'";
            }
        }
    }

    private static IEnumerable<string> CheckComponent(Manifest manifest, Component component)
    {
        string what = $"component '{component.Name}'";
        if (component.Memory % Page != 0 || component.Memory > ManifestLayout.MaxMemory)
        {
            yield return $"{what} has {component.Memory} bytes of memory, needed are whole pages of {Page}, at most {ManifestLayout.MaxMemory >> 30} GiB";
        }

        int fewest = component.Layer is null ? 0 : 1;
        if (component.Threads < fewest || component.Threads > ManifestLayout.MaxThreads)
        {
            yield return $"{what} has {component.Threads} threads, allowed are {fewest} to {ManifestLayout.MaxThreads}";
        }

        if (component.Waiters is < 0 or > ManifestLayout.MaxWaiters)
        {
            yield return $"{what} has {component.Waiters} waiters, allowed are 0 to {ManifestLayout.MaxWaiters}";
        }

        if (component.Priority is < ManifestLayout.MinPriority or > ManifestLayout.MaxPriority)
        {
            yield return $"{what} has priority {component.Priority}, allowed are {ManifestLayout.MinPriority} to {ManifestLayout.MaxPriority}";
        }

        if (component.Budget < ManifestLayout.MinBudget || component.Budget > component.Period || component.Period > ManifestLayout.MaxPeriod)
        {
            yield return $"{what} has {component.Budget} us of each {component.Period} us, needed are at least {ManifestLayout.MinBudget}, not more than all, of at most {ManifestLayout.MaxPeriod}";
        }

        if (component.Program.Length == 0 || component.Arguments.Concat(component.Environment).Any(t => t.Contains('\0')))
        {
            yield return $"{what} has no program, or a zero in an argument or variable";
        }

        (int texts, int grants) = InfoLength(manifest, component);
        if (texts > (int)ComponentLayout.InfoTextsLength)
        {
            yield return $"{what} has arguments, environment and names of grants that are told in {texts} bytes, allowed are {ComponentLayout.InfoTextsLength}";
        }

        int most = (int)(ComponentLayout.InfoLength - ComponentLayout.InfoTextsLength) / Unsafe.SizeOf<GrantInfo>();
        if (grants > most)
        {
            yield return $"{what} has {grants} grants, with registers and interrupts of its functions, allowed are {most}";
        }

        foreach (Grant grant in component.Grants)
        {
            if (CheckGrant(manifest, component, grant) is { } problem)
            {
                yield return $"{what} is given {grant.Kind} '{grant.Name}': {problem}";
            }
        }
    }

    private static string? CheckGrant(Manifest manifest, Component component, Grant grant)
    {
        int count = grant.Kind switch
        {
            GrantKind.Region or GrantKind.Guest => manifest.Regions.Count,
            GrantKind.Ring or GrantKind.Hear => manifest.Doorbells.Count,
            GrantKind.Function => manifest.Functions.Count,
            _ => int.MaxValue,
        };
        return grant switch
        {
            _ when grant.Number >= (ulong)count && count != int.MaxValue => $"its number is {grant.Number} and there are {count}",
            _ when component.Grants.Count(g => g.Kind == grant.Kind && g.Number == grant.Number && g.Name == grant.Name) > 1 => "twice",
            _ when component.Grants.Count(g => g.Kind == grant.Kind && g.Name == grant.Name) > 1 => "others of that kind have its name",
            { Kind: GrantKind.Ports } when grant.Length == 0 || grant.Number >= EndOfPorts || grant.Length > EndOfPorts - grant.Number => "not all of them are ports",
            { Kind: GrantKind.PinInterrupt, Number: >= ManifestLayout.EndOfPins } => $"there are {ManifestLayout.EndOfPins} pins at most",
            { Kind: GrantKind.Registers } when grant.Length < Page || !ulong.IsPow2(grant.Length) || grant.Number % grant.Length != 0 || grant.Number >= EndOfAddresses
                => "they are not 4K or a larger power of two, at a multiple of that",
            { Connection: not 0, Kind: not (GrantKind.Region or GrantKind.Ring or GrantKind.Hear) } => "it is no part of a connection",
            { Kind: GrantKind.Function } when manifest.Functions[(int)grant.Number].Vectors is < 0 or > ManifestLayout.MaxVectors => $"it has more than {ManifestLayout.MaxVectors} interrupts",
            { Kind: not GrantKind.Region, Rights: not GrantRights.None } => "rights are those of regions",
            { Kind: GrantKind.None or GrantKind.Bar or GrantKind.MessageInterrupt or > GrantKind.Guest } => "that is not given by itself",
            { Kind: GrantKind.Guest } when manifest.Regions[(int)grant.Number].Length > ManifestLayout.MaxGuestMemory => $"a guest has {ManifestLayout.MaxGuestMemory >> 30}G of memory at most",
            { Kind: GrantKind.Guest } when manifest.Components.Sum(c => c.Grants.Count(g => g.Kind == GrantKind.Guest && g.Number == grant.Number)) > 1 => "others have that memory",
            { Kind: GrantKind.Hear } when component.Waiters == 0 => "it has no waiter to hear it at",
            _ => null,
        };
    }

    private static IEnumerable<string> CheckDoorbells(Manifest manifest)
    {
        ILookup<(GrantKind, ulong), string> users = manifest.Components.SelectMany(c => c.Grants.Select(g => (g.Kind, g.Number, c.Name))).ToLookup(g => (g.Kind, g.Number), g => g.Name);
        for (int i = 0; i < manifest.Doorbells.Count; i++)
        {
            string[] ringers = [.. users[(GrantKind.Ring, (ulong)i)]];
            string[] listeners = [.. users[(GrantKind.Hear, (ulong)i)]];
            if (ringers.Length != 1 || listeners.Length != 1)
            {
                yield return $"doorbell '{manifest.Doorbells[i]}' is rung by {Names(ringers)} and heard by {Names(listeners)}, needed is one component each";
            }
        }
    }

    private static IEnumerable<string> CheckFunctions(Manifest manifest)
    {
        foreach (IGrouping<ushort, Function> same in manifest.Functions.GroupBy(f => f.Address).Where(g => g.Count() > 1))
        {
            yield return $"functions {Names([.. same.Select(f => f.Name)])} are the same";
        }

        for (int i = 0; i < manifest.Functions.Count; i++)
        {
            string[] users = [.. manifest.Components.Where(c => c.Grants.Any(g => g.Kind == GrantKind.Function && g.Number == (ulong)i)).Select(c => c.Name)];
            if (users.Length != 1)
            {
                yield return $"function '{manifest.Functions[i].Name}' is given to {Names(users)}, needed is one component";
            }
        }
    }

    private static string Names(string[] names) => names.Length == 0 ? "nobody" : string.Join(" and ", names.Select(n => $"'{n}'"));
}
