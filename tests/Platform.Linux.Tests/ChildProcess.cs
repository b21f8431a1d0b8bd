using System.Diagnostics;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Runs a scenario of <see cref="Program"/> in a process of its own.</summary>
internal static class ChildProcess
{
    /// <summary>Runs it to its end.</summary>
    /// <returns>Its exit code (128 + the signal that killed it) and what it said.</returns>
    internal static (int ExitCode, string Output) Run(params string[] arguments)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, ["exec", typeof(Program).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        if (!process.WaitForExit(TimeSpan.FromSeconds(30)))
        {
            process.Kill();
            Assert.Fail($"{string.Join(' ', arguments)} did not end");
        }

        return (process.ExitCode, output);
    }
}
