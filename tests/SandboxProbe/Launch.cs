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

    /// <summary>Starts with every number of free descriptors below the highest in use, so that each that is opened on the way gets every number once.</summary>
    public static IEnumerable<(string Name, string Result)> Crowded()
    {
        const int Highest = 200;
        const int FreeAtMost = 40;
        using var granted = new SafeFileHandle((nint)Native.Call(72, 0, 0, Highest), ownsHandle: true); // fcntl(F_DUPFD)
        var options = new SandboxOptions
        {
            Executable = "/bin/true",
            ReadOnlyPaths = DotnetSandbox.SystemLibraries(),
            Descriptors = new Dictionary<int, SafeHandle> { [9] = granted },
        };
        string expected;
        using (SandboxedProcess first = SandboxedProcess.Start(options))
        {
            expected = $"{first.WaitForExit()}, {first.Report.Active}";
        }

        for (int free = 8; free <= FreeAtMost; free++)
        {
            var fillers = new List<long>();
            for (long fd = Native.Call(32, 0); fd < Highest; fd = Native.Call(32, 0))
            {
                fillers.Add(fd);
            }

            Native.Call(3, Highest + 1);
            fillers[..free].ForEach(fd => Native.Call(3, fd));
            string result;
            try
            {
                using SandboxedProcess process = SandboxedProcess.Start(options);
                result = $"{process.WaitForExit()}, {process.Report.Active}";
            }
            catch (SandboxException e)
            {
                result = e.Message;
            }

            fillers[free..].ForEach(fd => Native.Call(3, fd));
            yield return ($"{free} free", result == expected ? "ok" : result);
        }
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
