using System.Diagnostics;

namespace Makatea.EndToEnd;

/// <summary>
/// A program that runs beside the test and cannot outlive it: a watcher holds a pipe from the test process and kills the program
/// when the pipe closes, however the test process ended. What the program prints goes to a log file.
/// </summary>
internal sealed class TetheredProcess : IDisposable
{
    // The shell becomes the program, so its id is the program's. The start time tells the program from a later one with its id.
    private const string Tether = """
        log=$1; shift; exec 3<&0; me=$$; start=$(cut -d ' ' -f 22 /proc/$me/stat)
        ( ( cat <&3; [ "$(cut -d ' ' -f 22 /proc/$me/stat)" = "$start" ] && kill -9 $me ) >/dev/null 2>&1 & )
        exec 3<&-; exec "$@" </dev/null >>"$log" 2>&1
        """;

    private readonly Process _process;
    private readonly string _log;
    private readonly string _name;

    private TetheredProcess(Process process, string name, string log)
    {
        _process = process;
        _name = name;
        _log = log;
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its exit status; 128 + N where signal N ended it.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What it printed so far.</summary>
    public string Output => File.Exists(_log) ? File.ReadAllText(_log) : "";

    /// <summary>Starts a program; <paramref name="log"/> is appended to.</summary>
    public static TetheredProcess Start(string log, IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Tether, "tether", log, .. command]) { RedirectStandardInput = true };
        return new TetheredProcess(Process.Start(start)!, Path.GetFileName(command[0]), log);
    }

    /// <summary>Ends it with SIGKILL and waits for its end.</summary>
    public void Kill()
    {
        _process.Kill();
        WaitForExit(10);
    }

    /// <summary>Sends a signal by name, such as TERM.</summary>
    public void Signal(string signal) => Tool.Run("/bin/sh", "-c", $"kill -{signal} {Id}");

    /// <summary>Waits for its end.</summary>
    public void WaitForExit(double seconds)
    {
        if (!_process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            throw new TimeoutException($"waited {seconds} s for the end of {_name} ({Id}); it printed:\n{Output}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.StandardInput.Close();
        _process.Dispose();
    }
}
