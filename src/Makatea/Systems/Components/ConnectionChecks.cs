namespace Makatea.Systems;

/// <summary>Connections: they name what is there, and nothing is in two.</summary>
internal static class ConnectionChecks
{
    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        string[] regions = [.. system.Regions.Select(r => r.Name.Value)];
        string[] doorbells = [.. system.Components.SelectMany(c => c.Rings.Concat(c.Hears)).Select(d => d.Value).OfType<string>().Distinct()];
        string[] disks = [.. system.Components.SelectMany(c => c.Disks.Select(d => $"{c.Name.Value}/{d.Name.Value}"))];
        var members = new Dictionary<(string, string), SourceMark>();
        foreach (ConnectionDescription connection in system.Connections)
        {
            CheckMembers("region", connection.Regions, regions, members, errors);
            CheckMembers("doorbell", connection.Doorbells, doorbells, members, errors);
            CheckMembers("disk", connection.Disks, disks, members, errors);
        }

        if (system.Connections.Count != 0 && !system.Components.Any(c => c.Management))
        {
            errors.Meaning(system.Connections[0].Name.Mark, $"found the connection '{system.Connections[0].Name.Value}', and no component with 'management: true', which could make it");
        }
    }

    private static void CheckMembers(string what, IReadOnlyList<Located<string>> names, string[] known, Dictionary<(string, string), SourceMark> members, SystemFileErrors errors)
    {
        foreach (Located<string> name in names.Where(n => n.Value is not null))
        {
            if (!known.Contains(name.Value))
            {
                errors.Meaning(name.Mark, $"found the {what} '{name.Value}', expected {Phrase.OneOf(known)}{NearestName.Hint(name.Value, known)}");
            }
            else if (!members.TryAdd((what, name.Value), name.Mark))
            {
                errors.Meaning(name.Mark, $"found the {what} '{name.Value}' in a connection again, expected it in one; line {members[(what, name.Value)].Line} has it");
            }
        }
    }
}
