using System.Text;
using Makatea.Cli;

namespace Makatea.Running;

/// <summary>
/// Where a running system keeps its sockets: <c>$XDG_RUNTIME_DIR/makatea/NAME</c>, which nobody else can enter; its logs are in
/// <c>$XDG_STATE_HOME/makatea/NAME</c> and stay. Whoever holds the lock in it runs the system.
/// </summary>
internal sealed class StateDirectory : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int MaxSocketPath = 107;
    private const string ControlSocketName = ".control";
    private const string LockName = ".lock";
    private readonly FileStream _lock;

    private StateDirectory(string path, string logs, FileStream @lock)
    {
        DirectoryPath = path;
        Logs = logs;
        _lock = @lock;
    }

    /// <summary>The directory.</summary>
    public string DirectoryPath { get; }

    /// <summary>The directory of the logs.</summary>
    public string Logs { get; }

    /// <summary>Socket on which the manager takes commands.</summary>
    public string ControlSocket => Socket(ControlSocketName);

    /// <summary>Takes the directory of a system, and clears away what one that died left there.</summary>
    /// <exception cref="CommandException">The system is running.</exception>
    public static StateDirectory Take(string name)
    {
        string path = Path.Combine(Root(create: true), name);
        string logs = Path.GetDirectoryName(LogPath(name, "any"))!;
        Directory.CreateDirectory(path, Private);
        FileStream @lock;
        try
        {
            @lock = new FileStream(Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new CommandException($"the system '{name}' runs already ({path}); stop it with 'makatea down {name}', or give the file another 'name:'", inner: e);
        }

        Clear(path);
        return new StateDirectory(path, logs, @lock);
    }

    /// <summary>Names of the systems that have a control socket, running or not, and its path.</summary>
    public static IReadOnlyList<(string Name, string ControlSocket)> All()
    {
        string root = Root(create: false);
        return !Directory.Exists(root) ? [] : [.. Directory.EnumerateDirectories(root)
            .Select(d => (Path.GetFileName(d), Path.Combine(d, ControlSocketName)))
            .Where(s => File.Exists(s.Item2)).Order()];
    }

    /// <summary>Socket of a disk.</summary>
    public string DiskSocket(string qube, string disk) => Socket($"{qube}.{disk}");

    /// <summary>Socket of a net domain's client. (No disk's: names hold no '@'.)</summary>
    public string NetSocket(string client) => Socket($"{client}@net");

    /// <summary>Socket of a qube's serial console.</summary>
    public string ConsoleSocket(string qube) => Socket(qube);

    /// <summary>A log; what an earlier run left in it is dropped.</summary>
    public string Log(string name)
    {
        string path = Path.Combine(Logs, name + ".log");
        File.WriteAllText(path, "");
        return path;
    }

    /// <summary>Path of a log of a system that need not run yet; its directory is made.</summary>
    public static string LogPath(string system, string name)
    {
        string directory = Path.Combine(LogRoot(), system);
        Directory.CreateDirectory(directory, Private);
        return Path.Combine(directory, name + ".log");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The lock goes last, so that nobody takes a directory that is being removed.
        Clear(DirectoryPath);
        File.Delete(_lock.Name);
        _lock.Dispose();
        try
        {
            Directory.Delete(DirectoryPath);
        }
        catch (IOException)
        {
            // Somebody took it since.
        }
    }

    /// <summary>The directory of all systems of this user.</summary>
    /// <exception cref="CommandException">It is not safe to use.</exception>
    internal static string Root(bool create)
    {
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        string user = UserId();
        string root = runtime is { Length: > 0 } && Directory.Exists(runtime) ? Path.Combine(runtime, "makatea")
            : Environment.IsPrivilegedProcess ? "/run/makatea"
            : Directory.Exists($"/run/user/{user}") ? $"/run/user/{user}/makatea"
            : $"/tmp/makatea-{user}";
        if (create)
        {
            Directory.CreateDirectory(root, Private);
        }

        if (Directory.Exists(root))
        {
            CheckOwner(root);
        }

        return root;
    }

    /// <summary>What somebody else put into /tmp for us to walk into is refused.</summary>
    private static void CheckOwner(string root)
    {
        const string Remedy = "remove it, or set XDG_RUNTIME_DIR to a directory of your own";
        if (new DirectoryInfo(root).LinkTarget is { } target)
        {
            throw new CommandException($"{root} is a link to {target}; {Remedy}");
        }

        try
        {
            File.SetUnixFileMode(root, Private); // only its owner may
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CommandException($"{root} belongs to somebody else; {Remedy}", inner: e);
        }
    }

    private static void Clear(string path)
    {
        foreach (string file in Directory.EnumerateFiles(path).Where(f => Path.GetFileName(f) != LockName))
        {
            File.Delete(file);
        }
    }

    private static string LogRoot()
    {
        string? state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        return Path.Combine(state is { Length: > 0 } ? state : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local/state"), "makatea");
    }

    private static string UserId() =>
        File.ReadLines("/proc/self/status").First(l => l.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t', StringSplitOptions.RemoveEmptyEntries)[1];

    private string Socket(string name)
    {
        string path = Path.Combine(DirectoryPath, name);
        int length = Encoding.UTF8.GetByteCount(path);
        return length <= MaxSocketPath
            ? path
            : throw new CommandException($"the socket path {path} has {length} bytes, and the kernel takes {MaxSocketPath}; shorten the names, or set XDG_RUNTIME_DIR to a shorter path");
    }
}
