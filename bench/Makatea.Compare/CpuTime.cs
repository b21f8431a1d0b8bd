using System.Globalization;

namespace Makatea.Compare;

/// <summary>CPU time that a process and its children used, from the kernel's scheduler.</summary>
internal static class CpuTime
{
    /// <summary>Nanoseconds on a processor of all living threads of the process tree (first field of /proc/PID/task/TID/schedstat).</summary>
    public static long OfTree(int pid)
    {
        Dictionary<int, List<int>> children = [];
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int child) && ParentOf(child) is int parent)
            {
                (children.TryGetValue(parent, out List<int>? list) ? list : children[parent] = []).Add(child);
            }
        }

        long total = 0;
        Stack<int> open = new([pid]);
        while (open.TryPop(out int next))
        {
            total += OfProcess(next);
            foreach (int child in children.GetValueOrDefault(next, []))
            {
                open.Push(child);
            }
        }

        return total;
    }

    private static long OfProcess(int pid)
    {
        long total = 0;
        foreach (string task in Directory.EnumerateDirectories($"/proc/{pid}/task"))
        {
            string[] fields = File.ReadAllText($"{task}/schedstat").Split(' ');
            total += long.Parse(fields[0], CultureInfo.InvariantCulture);
        }

        return total;
    }

    private static int? ParentOf(int pid)
    {
        try
        {
            // The name in parentheses may hold anything: fields are counted behind its end.
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return int.Parse(fields[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It ended meanwhile.
            return null;
        }
    }
}
