using System.Diagnostics;
using Makatea.Platform.Linux;

namespace Makatea.Compare;

/// <summary>One of the two back ends, running.</summary>
internal sealed class BackendProcess : IDisposable
{
    private readonly Process _process;
    private readonly string _socketPath;

    private BackendProcess(string name, Process process, string socketPath)
    {
        Name = name;
        _process = process;
        _socketPath = socketPath;
    }

    public string Name { get; }

    /// <summary>CPU time so far in nanoseconds.</summary>
    public long CpuNanoseconds => CpuTime.OfTree(_process.Id);

    /// <param name="name">For the report.</param>
    /// <param name="command">Program and arguments.</param>
    /// <param name="socketPath">Where it listens.</param>
    /// <param name="cpu">The processor it is kept to, or null.</param>
    public static BackendProcess Start(string name, IReadOnlyList<string> command, string socketPath, int? cpu)
    {
        IReadOnlyList<string> all = cpu is int n ? ["taskset", "-c", $"{n}", .. command] : command;
        ProcessStartInfo start = new(all[0], all.Skip(1)) { RedirectStandardError = true, RedirectStandardOutput = true };
        Process process = Process.Start(start)!;
        List<string> output = [];
        process.OutputDataReceived += (_, line) => Keep(output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(output, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        BackendProcess backend = new(name, process, socketPath);
        for (int i = 0; !File.Exists(socketPath); i++)
        {
            if (process.HasExited || i == 3000)
            {
                backend.Dispose();
                lock (output)
                {
                    throw new InvalidOperationException($"{name} did not come up: {string.Join(' ', all)}\n{string.Join('\n', output)}");
                }
            }

            Thread.Sleep(10);
        }

        return backend;
    }

    public UnixMessageChannel Connect() => UnixMessageChannel.Connect(_socketPath);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
        File.Delete(_socketPath);
    }

    private static void Keep(List<string> output, string? line)
    {
        if (line is not null)
        {
            lock (output)
            {
                output.Add(line);
            }
        }
    }
}
