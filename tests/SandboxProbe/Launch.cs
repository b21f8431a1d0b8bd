using System.Runtime.InteropServices;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.SandboxProbe;

/// <summary>Starts the probe in a sandbox: for tests of starters that are somebody else, are restricted, or die.</summary>
internal static class Launch
{
    public static int Run(string[] inner, SandboxLayers? required)
    {
        SandboxOptions options = DotnetSandbox.ForAssembly(typeof(Launch).Assembly.Location, inner) with
        {
            Descriptors = new Dictionary<int, SafeHandle> { [1] = new SafeFileHandle(1, ownsHandle: false), [2] = new SafeFileHandle(2, ownsHandle: false) },
        };
        options = required is { } layers ? options with { Required = layers } : options;
        using SandboxedProcess process = SandboxedProcess.Start(options);
        foreach (SandboxProtection protection in process.Report.Protections)
        {
            Console.WriteLine($"{protection.Layer}\t{(protection.IsActive ? "on" : "off")}\t{protection.Detail}");
        }

        Console.WriteLine($"pid\t{process.Pid}");
        return process.WaitForExit().Code ?? 1;
    }

    /// <summary>What is left over of many starts: more than before them.</summary>
    public static IEnumerable<(string Name, string Result)> Many(int count)
    {
        SandboxOptions options = new() { Executable = "/bin/true", ReadOnlyPaths = DotnetSandbox.SystemLibraries() };
        StartAndWait();
        Directory.GetFileSystemEntries("/proc/self/fd");
        int descriptors = Descriptors();
        int mappings = Mappings();
        for (int i = 0; i < count; i++)
        {
            StartAndWait();
        }

        yield return ("descriptors", $"{Descriptors() - descriptors}");
        yield return ("mappings of plans", $"{Mappings() - mappings}");
        yield return ("children", File.ReadAllText($"/proc/self/task/{Environment.ProcessId}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Length.ToString());
        yield return ("waiters", Directory.GetDirectories("/proc/self/task").Count(t => File.ReadAllText(t + "/comm").StartsWith("wait for", StringComparison.Ordinal)).ToString());

        void StartAndWait()
        {
            using SandboxedProcess process = SandboxedProcess.Start(options);
            process.WaitForExit();
        }

        static int Descriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

        static int Mappings() => File.ReadLines("/proc/self/maps").Count(l => l.Contains("/dev/zero", StringComparison.Ordinal));
    }
}
