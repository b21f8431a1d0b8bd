using System.Text.Json.Nodes;

namespace Makatea.EndToEnd;

/// <summary>
/// A system of one domain that <c>makatea up</c> runs, with state and logs in a folder of the test's own, and the other commands on it. The manager leads a process
/// group, as it does in a terminal.
/// </summary>
internal sealed class RunningSystem : IDisposable
{
    /// <summary>How long a guest may take to boot, with the machine busy.</summary>
    public const double BootSeconds = 90;

    private readonly Scratch _scratch;
    private readonly string _log;
    private readonly TetheredProcess _manager;
    private readonly bool _isDetached;
    private int _managerPid;

    private RunningSystem(Scratch scratch, bool detached, string? networkNamespace = null)
    {
        _scratch = scratch;
        _isDetached = detached;
        _log = scratch.File("up.log");
        File.Delete(_log);
        Directory.CreateDirectory(RunFolder);
        string[] detach = detached ? ["--detach"] : [];
        string[] inside = networkNamespace is null ? [] : ["ip", "netns", "exec", networkNamespace];
        _manager = TetheredProcess.Start(_log, ["setsid", .. inside, .. Command(["up", SystemFile.PathIn(scratch), "--plain", $"--accel={Accelerator.Name}", "--stop-timeout=1", .. detach])]);
        _managerPid = _manager.Id;
    }

    /// <summary>What <c>makatea ls --json</c> says of it.</summary>
    public JsonNode Status
    {
        get
        {
            JsonNode? status = null;
            Wait("a system in makatea ls", 60, () => HasEnded || (status = JsonNode.Parse(Makatea("ls", "--json"))!.AsArray().SingleOrDefault()) is not null);
            return status ?? throw new InvalidOperationException($"makatea up ended with status {_manager.ExitCode}:\n{Log}");
        }
    }

    /// <summary>The domain.</summary>
    public JsonNode Domain => Status["domains"]![0]!;

    /// <summary>Whether <c>makatea up</c> ended.</summary>
    public bool HasEnded => !_isDetached && _manager.HasExited;

    /// <summary>What <c>makatea up</c> printed.</summary>
    public string Log => _manager.Output;

    /// <summary>The manager's process id.</summary>
    public int ManagerPid => _managerPid;

    /// <summary>Where its sockets are.</summary>
    public string RunFolder => $"{_scratch.Folder}/run";

    /// <summary>Starts <c>makatea up</c> in the foreground.</summary>
    public static RunningSystem Start(Scratch scratch, params IEnumerable<QubeScript> qubes) => Start(scratch, "", qubes);

    /// <summary>Starts it.</summary>
    /// <param name="scratch">Where its files are.</param>
    /// <param name="domain">Keys of its domain.</param>
    /// <param name="qubes">Its qubes.</param>
    public static RunningSystem Start(Scratch scratch, string domain, params IEnumerable<QubeScript> qubes)
    {
        SystemFile.Write(scratch, domain, qubes);
        return new RunningSystem(scratch, detached: false);
    }

    /// <summary>Starts the system of the file that the test wrote, in a network namespace.</summary>
    public static RunningSystem StartIn(string networkNamespace, Scratch scratch) => new(scratch, detached: false, networkNamespace);

    /// <summary>Starts it in the background, where everything runs when this returns.</summary>
    public static RunningSystem StartDetached(Scratch scratch, params IEnumerable<QubeScript> qubes)
    {
        SystemFile.Write(scratch, qubes);
        var system = new RunningSystem(scratch, detached: true);
        system._manager.WaitForExit(60);
        if (system._manager.ExitCode != 0)
        {
            throw new InvalidOperationException($"makatea up --detach ended with status {system._manager.ExitCode}:\n{system.Log}");
        }

        system._managerPid = system.Status["managerPid"]!.GetValue<int>();
        return system;
    }

    /// <summary>The command line of <c>makatea</c> with these arguments, with its state in the test's folder.</summary>
    public IReadOnlyList<string> Command(params IEnumerable<string> arguments) =>
        ["env", $"XDG_RUNTIME_DIR={RunFolder}", $"XDG_STATE_HOME={_scratch.Folder}/state", .. MakateaCommand.Line(arguments)];

    /// <summary>Runs another command on it.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public string Makatea(params IEnumerable<string> arguments) => Tool.Run("env", [.. Command(arguments).Skip(1)]);

    /// <summary>Runs another command on it.</summary>
    /// <returns>Its exit status, and what it printed.</returns>
    public (int Status, string Output) TryMakatea(params IEnumerable<string> arguments) => Tool.TryRun(TimeSpan.FromMinutes(2), "env", [.. Command(arguments).Skip(1)]);

    /// <summary>Pipes a line into <c>makatea console</c>.</summary>
    /// <returns>What came back.</returns>
    public string Type(string qube, string line)
    {
        string command = string.Join(' ', Command("console", qube).Select(a => $"'{a}'"));
        return Tool.Run("/bin/sh", "-c", $"printf '%s\\n' \"$1\" | {command}", "type", line);
    }

    /// <summary>All that a qube's console showed.</summary>
    public string Console(string qube)
    {
        string path = $"{_scratch.Folder}/state/makatea/test/{qube}.console.log";
        return File.Exists(path) ? File.ReadAllText(path) : "";
    }

    /// <summary>Waits for a text on a qube's console.</summary>
    public void WaitForConsole(string qube, string text, double seconds = BootSeconds) =>
        Wait($"'{text}' on the console of {qube}", seconds, () => Console(qube).Contains(text, StringComparison.Ordinal));

    /// <summary>Sends a signal to the manager's process group, as a terminal does.</summary>
    public void Signal(string signal) => Tool.Run("/bin/sh", "-c", $"kill -{signal} -{_manager.Id}");

    /// <summary>Kills the manager.</summary>
    public void KillManager() => Tool.Run("/bin/sh", "-c", $"kill -KILL {ManagerPid}");

    /// <summary>Waits until the manager ended.</summary>
    /// <exception cref="InvalidOperationException">Its status was not 0.</exception>
    public void WaitForEnd(double seconds)
    {
        Wait("the end of the system", seconds, () => HasEnded);
        if (_manager.ExitCode != 0)
        {
            throw new InvalidOperationException($"makatea up ended with status {_manager.ExitCode}; {Report}");
        }
    }

    /// <summary>Kills the domain's process and waits until its successor serves.</summary>
    public void KillDomain(double seconds)
    {
        int pid = Domain["pid"]!.GetValue<int>();
        Tool.Run("/bin/sh", "-c", $"kill -KILL {pid}");
        Wait($"the domain after the death of process {pid}", seconds, () =>
            Domain is { } domain && domain["state"]!.GetValue<string>() == "running" && domain["pid"]!.GetValue<int>() != pid);
    }

    /// <summary>A counter of a disk, as <c>makatea ls --json</c> shows it.</summary>
    public long Counter(string qube, string disk, string counter) =>
        Named(Named(Status["qubes"]!, qube)["disks"]!, disk)["counters"]![counter]!.GetValue<long>();

    /// <summary>Waits for a condition; where it does not come, says what the manager and the consoles showed.</summary>
    public void Wait(string what, double seconds, Func<bool> condition)
    {
        try
        {
            Deadline.Wait(what, seconds, condition);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}; {Report}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _manager.Dispose();
        if (_isDetached)
        {
            _ = TryMakatea("down", "--now"); // where it still runs
        }
    }

    private static JsonNode Named(JsonNode list, string name) => list.AsArray().Single(n => n!["name"]!.GetValue<string>() == name)!;

    private string Report
    {
        get
        {
            string state = $"{_scratch.Folder}/state";
            string[] logs = Directory.Exists(state) ? Directory.GetFiles(state, "*.log", SearchOption.AllDirectories) : [];
            return $"makatea up printed:\n{Log}\n{string.Join('\n', logs.Select(path => $"--- {path}\n{File.ReadAllText(path)}"))}";
        }
    }
}
