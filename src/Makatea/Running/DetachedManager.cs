using System.Collections;
using Makatea.Cli;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>A manager in the background: this program again, in a session of its own, with its output in a log.</summary>
internal static class DetachedManager
{
    private const string BuildLockName = "lock";
    private static readonly TimeSpan _startTime = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Starts it and waits until everything runs.</summary>
    /// <param name="name">Name of the system.</param>
    /// <param name="arguments">Arguments for the program.</param>
    /// <param name="progress">What it prints while it starts goes here.</param>
    /// <exception cref="CommandException">The system did not start.</exception>
    public static async Task StartAsync(string name, IReadOnlyList<string> arguments, TextWriter progress)
    {
        if (await StatusAsync(name).ConfigureAwait(false) is { } running)
        {
            throw new CommandException($"the system '{name}' runs already, in process {running.ManagerPid}; stop it with 'makatea down {name}', or give the file another 'name:'");
        }

        string log = StateDirectory.LogPath(name, ".manager");
        File.WriteAllText(log, "");
        using SafeFileHandle output = LogFile.Open(log);
        SandboxOptions options = DotnetSandbox.ForAssembly(typeof(DetachedManager).Assembly.Location, [.. arguments]);

        // Not disposed, as that would end it.
        SandboxedProcess manager = SandboxedProcess.Start(options with
        {
            Layers = SandboxLayers.None,
            Required = SandboxLayers.None,
            Limits = new SandboxLimits { OpenFiles = null, Threads = null, LockedMemory = null, CoreDump = null },
            WorkingDirectory = Environment.CurrentDirectory,
            Environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? ""),
            Descriptors = new Dictionary<int, System.Runtime.InteropServices.SafeHandle> { [1] = output, [2] = output },
        });
        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        using var timeout = new CancellationTokenSource(_startTime);
        while (true)
        {
            bool ended = manager.WaitForExit(TimeSpan.Zero);
            await progress.WriteAsync(await reader.ReadToEndAsync().ConfigureAwait(false)).ConfigureAwait(false);
            if (ended)
            {
                throw new CommandException($"the system '{name}' ended before it ran: {manager.WaitForExit()}; the reason is above and in {log}");
            }

            if (await TryStatusAsync(name).ConfigureAwait(false) is { } status && status.ManagerPid == manager.Pid && status.IsUp)
            {
                return;
            }

            if (timeout.IsCancellationRequested)
            {
                throw new CommandException($"the system '{name}' still starts after {_startTime.TotalMinutes:0} minutes; see 'makatea ls' and {log}, or stop it with 'makatea down {name}'");
            }

            await Task.Delay(_interval).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Keeps ./makatea from removing the build that this process runs from: a manager starts components from it for as long as it lives.
    /// </summary>
    public static IDisposable? HoldBuild()
    {
        string path = Path.Combine(AppContext.BaseDirectory, BuildLockName);
        return File.Exists(path) ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read) : null;
    }

    /// <summary>One that is busy, on a machine that is, does not answer in time and is asked again.</summary>
    private static async Task<SystemStatus?> TryStatusAsync(string name)
    {
        try
        {
            return await StatusAsync(name).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private static async Task<SystemStatus?> StatusAsync(string name) =>
        StateDirectory.All().FirstOrDefault(s => s.Name == name).ControlSocket is { } socket ? await ControlClient.StatusAsync(socket).ConfigureAwait(false) : null;
}
