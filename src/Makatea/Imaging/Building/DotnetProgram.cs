using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Makatea.Cli;

namespace Makatea.Imaging;

/// <summary>The .NET SDK, and what it needs to link programs.</summary>
internal static class DotnetProgram
{
    private const int ShownErrors = 12;

    // What compilers and linkers are called, and the Debian packages that have them.
    private static readonly (string File, string Package)[] _needed =
        [("/usr/bin/gcc", "gcc"), ("/usr/bin/ld.lld", "lld"), ("/usr/include/zlib.h", "zlib1g-dev"), ("/usr/include/stdlib.h", "libc6-dev")];

    /// <summary>Asks that all is there to link programs.</summary>
    /// <exception cref="CommandException">Something is missing: all of it is said.</exception>
    public static void RequireLinkers()
    {
        string[] missing = [.. _needed.Where(n => !File.Exists(n.File)).Select(n => n.Package)];
        if (missing.Length != 0)
        {
            throw new CommandException($"found no {string.Join(", ", missing)}, which programs are linked with; install what is missing (Debian: apt-get install {string.Join(' ', missing)})");
        }
    }

    /// <summary>Runs the SDK.</summary>
    /// <param name="log">File that gets what it says.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="CommandException">It failed; the message has its first errors.</exception>
    public static void Run(string log, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Find(), arguments)
        {
            RedirectStandardOutput = true,
            // Ours are those of the SDK that started us. Build servers would outlive the build.
            Environment = { ["MSBUILDDISABLENODEREUSE"] = "1", ["MSBuildSDKsPath"] = null, ["MSBUILD_EXE_PATH"] = null, ["DOTNET_NOLOGO"] = "1", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" },
        };
        try
        {
            using Process build = Process.Start(start)!;

            // It would go on by itself, and meet the next build.
            bool isInterrupted = false;
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
            string output = build.StandardOutput.ReadToEnd();
            build.WaitForExit();
            if (isInterrupted)
            {
                throw new CommandException("interrupted; nothing was written");
            }

            File.WriteAllText(log, output);
            if (build.ExitCode != 0)
            {
                string[] errors = [.. output.Split('\n').Where(l => l.Contains("error", StringComparison.Ordinal)).Select(l => l.Trim()).Distinct().Take(ShownErrors)];
                throw new CommandException($"the build failed, and all that it said is in {log}: {string.Join("; ", errors)}");
            }

            void Interrupt(PosixSignalContext context)
            {
                context.Cancel = true;
                isInterrupted = true;
                build.Kill(entireProcessTree: true);
            }
        }
        catch (Win32Exception e)
        {
            throw new CommandException("found no 'dotnet' on PATH, which programs are built with; install the .NET 10 SDK (https://dot.net/download)", inner: e);
        }
    }

    private static string Find() => Environment.ProcessPath is { } own && Path.GetFileName(own) == "dotnet" ? own : "dotnet";
}
