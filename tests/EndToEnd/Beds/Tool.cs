using System.Diagnostics;

namespace Makatea.EndToEnd;

/// <summary>Runs programs of the host to their end.</summary>
internal static class Tool
{
    /// <summary>Whether a program is installed.</summary>
    public static bool Exists(string program) => Find(program) is not null;

    /// <summary>Runs a program and returns what it printed on either stream.</summary>
    /// <exception cref="InvalidOperationException">Its status was not 0, or it took longer than two minutes.</exception>
    public static string Run(string program, params string[] arguments)
    {
        (int status, string output) = TryRun(TimeSpan.FromMinutes(2), program, arguments);
        return status == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with status {status}:\n{output}");
    }

    /// <summary>Runs a program and returns its status and what it printed on either stream.</summary>
    public static (int Status, string Output) TryRun(TimeSpan limit, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(program) ?? program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = Repository.Root,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} took longer than {limit.TotalSeconds} s:\n{output.Result}{errors.Result}");
        }

        return (process.ExitCode, output.Result + errors.Result);
    }

    public static string? Find(string program)
    {
        if (program.Contains('/'))
        {
            return File.Exists(program) ? program : null;
        }

        string path = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        return path.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
    }
}
