namespace Makatea.EndToEnd;

/// <summary>A vhost-user-blk backend process that serves one image on one socket, can be killed and started again.</summary>
internal abstract class BlockBackend : IDisposable
{
    private readonly string _log;
    private TetheredProcess? _process;

    protected BlockBackend(Scratch scratch, string name, BackendOptions options)
    {
        Name = name;
        Options = options;
        SocketPath = scratch.File(name + ".sock");
        _log = scratch.File(name + ".log");
    }

    /// <summary>Name of the disk.</summary>
    public string Name { get; }

    /// <summary>What it serves.</summary>
    public BackendOptions Options { get; }

    /// <summary>Where it listens.</summary>
    public string SocketPath { get; }

    /// <summary>What it printed.</summary>
    public string Log => File.Exists(_log) ? File.ReadAllText(_log) : "";

    /// <summary>The process.</summary>
    public TetheredProcess Process => _process ?? throw new InvalidOperationException($"backend {Name} was not started");

    /// <summary>
    /// The backend under test: ours. MAKATEA_TEST_BACKEND=qsd takes QEMU's own, which tells a fault of the bed from one of ours, and =image takes
    /// our libraries without command and sandbox.
    /// </summary>
    public static BlockBackend Create(Scratch scratch, string name, BackendOptions options) => Environment.GetEnvironmentVariable("MAKATEA_TEST_BACKEND") switch
    {
        null or "" => new MakateaBackend(scratch, name, options),
        "qsd" => new StorageDaemonBackend(scratch, name, options),
        "image" => new ImageBackend(scratch, name, options),
        string other => throw new ArgumentException($"MAKATEA_TEST_BACKEND is '{other}' and must be qsd, image or empty"),
    };

    /// <summary>Starts it and waits until it listens.</summary>
    public BlockBackend Start()
    {
        File.Delete(SocketPath);
        _process?.Dispose();
        TetheredProcess process = TetheredProcess.Start(_log, [.. Options.Wrapper, .. Command()]);
        _process = process;
        Deadline.Wait($"backend {Name} to listen; it printed:\n{Log}", 30, () => IsListening || process.HasExited);
        return process.HasExited ? throw new InvalidOperationException($"backend {Name} ended with status {process.ExitCode}; it printed:\n{Log}") : this;
    }

    /// <summary>Ends it with SIGKILL.</summary>
    public void Kill() => Process.Kill();

    /// <summary>Ends it with SIGTERM; fails where it does not end with status 0.</summary>
    public void Stop()
    {
        Process.Signal("TERM");
        Process.WaitForExit(10);
        if (Process.ExitCode != 0)
        {
            throw new InvalidOperationException($"backend {Name} ended with status {Process.ExitCode} on SIGTERM; it printed:\n{Log}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _process?.Dispose();

    /// <summary>Whether the socket has __SO_ACCEPTCON. That its file is there is not enough, and a connection to try would be the one that counts.</summary>
    private bool IsListening => File.ReadLines("/proc/net/unix").Any(line => line.EndsWith(' ' + SocketPath) && line.Split(' ')[3] == "00010000");

    /// <summary>The program and its arguments.</summary>
    protected abstract IReadOnlyList<string> Command();
}
