using System.CommandLine;
using System.Diagnostics;
using Makatea.Compare.Net;
using Makatea.Compare.Nvme;

namespace Makatea.Compare;

/// <summary>
/// Compares our vhost-user-blk back end with qemu-storage-daemon's: the same front end drives both, in turns.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        Option<string> command = new("--command") { Description = "Our command", DefaultValueFactory = _ => FindCommand() };
        Option<string> folder = new("--folder") { Description = "A folder in memory for the disk and the sockets", DefaultValueFactory = _ => "/dev/shm" };
        Option<long> size = new("--size-mib") { Description = "Size of the disk in MiB", DefaultValueFactory = _ => 256 };
        Option<double> seconds = new("--seconds") { Description = "Length of one run", DefaultValueFactory = _ => 1 };
        Option<int> rounds = new("--rounds") { Description = "Runs of each back end in each scenario", DefaultValueFactory = _ => 5 };
        Option<int[]> depths = new("--depth") { Description = "Requests outstanding in each queue", DefaultValueFactory = _ => [1, 32], AllowMultipleArgumentsPerToken = true };
        Option<int[]> queues = new("--queues") { Description = "Number of queues", DefaultValueFactory = _ => [1, 2], AllowMultipleArgumentsPerToken = true };
        Option<DeviceKind[]> devices = new("--device") { Description = "ram, null", DefaultValueFactory = _ => [DeviceKind.Ram, DeviceKind.Null], AllowMultipleArgumentsPerToken = true };
        Option<string> peerAio = new("--peer-aio") { Description = "How the peer does file I/O: threads or io_uring", DefaultValueFactory = _ => "threads" };
        Option<string> only = new("--only") { Description = "Run one side alone: ours or peer", DefaultValueFactory = _ => "both" };
        Option<bool> indirect = new("--indirect") { Description = "Put requests into indirect tables" };
        Option<bool> packed = new("--packed") { Description = "Use packed rings where the back end has them (the peer has none)" };
        Option<bool> noPin = new("--no-pin") { Description = "Leave the choice of processors to the kernel" };
        Option<bool> json = new("--json") { Description = "Print all runs as JSON" };
        RootCommand root = new("Compares Makatea's vhost-user-blk back end with qemu-storage-daemon's: random 4 KiB reads and writes by the same polling front end.")
        {
            command, folder, size, seconds, rounds, depths, queues, devices, peerAio, only, indirect, packed, noPin, json,
        };
        root.SetAction(parsed =>
        {
            bool pin = !parsed.GetValue(noPin) && Environment.ProcessorCount > 1;
            CompareOptions options = new()
            {
                Command = parsed.GetValue(command)!,
                Folder = parsed.GetValue(folder)!,
                Size = parsed.GetValue(size) << 20,
                Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                Rounds = parsed.GetValue(rounds),
                Depths = parsed.GetValue(depths)!,
                Queues = parsed.GetValue(queues)!,
                Devices = parsed.GetValue(devices)!,
                PeerAio = parsed.GetValue(peerAio)!,
                Only = parsed.GetValue(only)!,
                Indirect = parsed.GetValue(indirect),
                Packed = parsed.GetValue(packed),
                FrontendCpu = pin ? Environment.ProcessorCount - 1 : null,
                BackendCpu = pin ? 0 : null,
            };
            return Run(options, parsed.GetValue(json));
        });
        root.Subcommands.Add(NvmeCommand.Create());
        root.Subcommands.Add(NetCommand.Create(FindCommand));
        return root.Parse(args).Invoke();
    }

    /// <summary>Our command builds itself at first use; that is not to be while something is measured.</summary>
    /// <returns>False where it does not work, which was said.</returns>
    internal static bool IsBuilt(string command)
    {
        string[] version = [.. command.Split(' '), "--version"];
        using Process build = Process.Start(new ProcessStartInfo(version[0], version[1..]) { RedirectStandardOutput = true })!;
        build.StandardOutput.ReadToEnd();
        build.WaitForExit();
        if (build.ExitCode != 0)
        {
            Console.Error.WriteLine($"{string.Join(' ', version)} ended with {build.ExitCode}; name a command that works with --command");
        }

        return build.ExitCode == 0;
    }

    private static int Run(CompareOptions options, bool json)
    {
        if (options.Only != "peer" && !IsBuilt(options.Command))
        {
            return 1;
        }

        if (options.FrontendCpu is int cpu && OperatingSystem.IsLinux())
        {
            // The thread that polls is the one that runs this.
            Process.GetCurrentProcess().ProcessorAffinity = 1 << cpu;
        }

        List<Comparison> all = [];
        if (!json)
        {
            Report.Header(Console.Out, "qsd");
        }

        foreach (Comparison comparison in new Comparer(options).Run())
        {
            all.Add(comparison);
            if (!json)
            {
                Report.Line(Console.Out, comparison);
            }
        }

        if (json)
        {
            Report.Json(Console.Out, all);
        }

        return 0;
    }

    private static string FindCommand()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Makatea.sln")))
            {
                return Path.Combine(folder, "makatea");
            }
        }

        return "makatea";
    }
}
