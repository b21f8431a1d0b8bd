namespace Makatea.Systems;

/// <summary>Doorbells: each is rung by one component and heard by another.</summary>
internal static class DoorbellChecks
{
    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        Use[] rings = [.. system.Components.SelectMany(c => c.Rings.Select(d => new Use(d, c)))];
        Use[] hears = [.. system.Components.SelectMany(c => c.Hears.Select(d => new Use(d, c)))];
        CheckEnds(rings, hears, "rung", "heard", "hears", errors);
        CheckEnds(hears, rings, "heard", "rung", "rings", errors);
    }

    private static void CheckEnds(Use[] uses, Use[] others, string verb, string otherVerb, string key, SystemFileErrors errors)
    {
        foreach (IGrouping<string, Use> doorbell in uses.Where(u => u.Name.Value is not null).GroupBy(u => u.Name.Value))
        {
            Use first = doorbell.First();
            foreach (Use second in doorbell.Skip(1))
            {
                errors.Meaning(second.Name.Mark, $"found the doorbell '{doorbell.Key}' {verb} by '{second.Owner.Name.Value}', expected one component; line {first.Name.Mark.Line} has it for '{first.Owner.Name.Value}'");
            }

            if (!others.Any(o => o.Name.Value == doorbell.Key))
            {
                errors.Meaning(first.Name.Mark, $"found the doorbell '{doorbell.Key}' {verb} by '{first.Owner.Name.Value}' and {otherVerb} by nobody, expected '{key}:' with it in a component"
                    + NearestName.Hint(doorbell.Key, others.Select(o => o.Name.Value).OfType<string>()));
            }
        }
    }

    private readonly record struct Use(Located<string> Name, ComponentDescription Owner);
}
