namespace Makatea.Domains;

/// <summary>Finds the name that was probably meant, for messages about one that there is not.</summary>
public static class NearestName
{
    private const int MaxLength = 64;

    /// <summary>"; did you mean 'x'?" where a name is near enough, else nothing.</summary>
    public static string Hint(string given, IEnumerable<string> names) =>
        Find(given, names) is { } name ? $"; did you mean '{name}'?" : "";

    /// <summary>The nearest of <paramref name="names"/>, or null where none is within a third of its length.</summary>
    public static string? Find(string given, IEnumerable<string> names)
    {
        if (given.Length > MaxLength)
        {
            return null;
        }

        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string name in names)
        {
            int distance = Distance(given.ToLowerInvariant(), name.ToLowerInvariant());
            if (distance < bestDistance && distance <= Math.Max(given.Length, name.Length) / 3)
            {
                (best, bestDistance) = (name, distance);
            }
        }

        return best;
    }

    /// <summary>Number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment).</summary>
    internal static int Distance(string a, string b)
    {
        int[] beforeLast = new int[b.Length + 1];
        int[] last = new int[b.Length + 1];
        int[] current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            last[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                int best = Math.Min(Math.Min(last[j] + 1, current[j - 1] + 1), last[j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    best = Math.Min(best, beforeLast[j - 2] + 1);
                }

                current[j] = best;
            }

            (beforeLast, last, current) = (last, current, beforeLast);
        }

        return last[b.Length];
    }
}
