namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// What a root file system must hold for a set of paths to mean the same as outside: directories to make, symbolic links to make, and
/// files and directories to mount.
/// </summary>
internal sealed class RootLayout
{
    private const int MaxLinks = 40;
    private readonly SortedDictionary<string, string> _links = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _mounts = new(StringComparer.Ordinal);

    /// <summary>Resolves paths.</summary>
    /// <exception cref="SandboxException">A path does not exist, is not absolute or goes round in circles.</exception>
    public RootLayout(IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            _mounts.Add(Resolve(path));
        }

        // What lies in a mounted directory comes with it.
        _mounts.RemoveWhere(m => IsInsideMount(m));
        foreach (string link in _links.Keys.Where(IsInsideMount).ToArray())
        {
            _links.Remove(link);
        }
    }

    /// <summary>Real paths to mount, none inside another.</summary>
    public IEnumerable<string> Mounts => _mounts;

    /// <summary>Links to make, with what they point to.</summary>
    public IEnumerable<KeyValuePair<string, string>> Links => _links;

    /// <summary>Directories to make so that mounts and links have a place, parents first.</summary>
    public IEnumerable<string> Directories
    {
        get
        {
            var all = new SortedSet<string>(_mounts.Where(Directory.Exists), StringComparer.Ordinal);
            foreach (string place in _mounts.Concat(_links.Keys))
            {
                for (string? parent = Path.GetDirectoryName(place); parent is not null and not "/"; parent = Path.GetDirectoryName(parent))
                {
                    all.Add(parent);
                }
            }

            all.Remove("/");
            return all;
        }
    }

    /// <summary>The real path of <paramref name="path"/>; the links on the way are kept.</summary>
    private string Resolve(string path)
    {
        if (!path.StartsWith('/'))
        {
            throw new SandboxException($"'{path}' is not an absolute path");
        }

        var rest = new Stack<string>(Parts(path).Reverse());
        string real = "/";
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? "/";
                continue;
            }

            string next = Path.Combine(real, part);
            FileSystemInfo entry = Directory.Exists(next) ? new DirectoryInfo(next) : new FileInfo(next);
            if (entry.LinkTarget is not { } target)
            {
                real = entry.Exists ? next : throw new SandboxException($"'{path}' cannot be granted: there is no '{next}', or it cannot be read");
                continue;
            }

            if (++links > MaxLinks)
            {
                throw new SandboxException($"'{path}' cannot be granted: more than {MaxLinks} symbolic links");
            }

            _links[next] = target;
            real = target.StartsWith('/') ? "/" : real;
            foreach (string p in Parts(target).Reverse())
            {
                rest.Push(p);
            }
        }

        return real;
    }

    private static IEnumerable<string> Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".");

    private bool IsInsideMount(string path)
    {
        for (string? parent = Path.GetDirectoryName(path); parent is not null; parent = Path.GetDirectoryName(parent))
        {
            if (_mounts.Contains(parent))
            {
                return true;
            }
        }

        return false;
    }
}
