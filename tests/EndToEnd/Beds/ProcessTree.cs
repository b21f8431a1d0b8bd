using System.Globalization;

namespace Makatea.EndToEnd;

/// <summary>Processes and what they started.</summary>
internal static class ProcessTree
{
    /// <summary>A process and all its descendants.</summary>
    public static IReadOnlyList<int> Of(int root)
    {
        ILookup<int, int> children = Directory.GetDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out int pid) ? pid : 0)
            .Where(pid => pid != 0)
            .ToLookup(ParentOf);
        List<int> tree = [root];
        for (int i = 0; i < tree.Count; i++)
        {
            tree.AddRange(children[tree[i]]);
        }

        return tree;
    }

    /// <summary>Those that run, as pid and name.</summary>
    public static IReadOnlyList<string> Alive(IEnumerable<int> pids) => [.. pids.Select(pid => (pid, stat: Stat(pid))).Where(p => p.stat.Length != 0).Select(p => $"{p.pid} {p.stat[..(p.stat.LastIndexOf(')') + 1)]}")];

    private static int ParentOf(int pid)
    {
        // PID (NAME) STATE PARENT ...; a name may hold anything.
        string stat = Stat(pid);
        return stat.Length == 0 ? 0 : int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static string Stat(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (IOException)
        {
            return ""; // It ended.
        }
    }
}
