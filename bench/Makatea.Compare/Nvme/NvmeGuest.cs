using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Makatea.Compare.Nvme;

/// <summary>What to run in the guest.</summary>
internal sealed record NvmeRun(int[] Depths, int Seconds, int Rounds, string Engine, string LinuxIommu, int Cores);

/// <summary>One run of one side: "linux", "makatea" as the storage domain's queues wait, "sleeping" without any polling, "stay" with its interrupts where the kernel put them as well.</summary>
internal sealed record NvmeResult(string Side, string Operation, int Depth, double Rate);

/// <summary>A guest with VT-d and two of QEMU's NVMe controllers whose disks take no time; scripts/guest/nvme-compare measures in it.</summary>
internal static class NvmeGuest
{
    private const string LinuxAddress = "0000:00:05.0";
    private const string OurAddress = "0000:00:06.0";

    /// <summary>Makes what the guest needs, boots it and waits for its end.</summary>
    public static IReadOnlyList<NvmeResult> Run(NvmeRun run)
    {
        string root = FindRoot();
        string folder = Path.Combine(root, "artifacts/images/nvmeload");
        Execute(Path.Combine(root, "scripts/publish-image.sh"), Path.Combine(root, "tests/Images/NvmeLoad"), folder);
        string fio = FindFio() ?? throw new InvalidOperationException("fio is missing: apt-get install fio");
        string assets = Execute(
            Path.Combine(root, "scripts/guest-assets.sh"), "--tool", Path.Combine(folder, "nvmeload"), "--tool", Path.Combine(root, "scripts/guest/nvme-compare"), "--tool", fio)
            .TrimEnd().Split('\n')[^1];

        string script = string.Create(
            CultureInfo.InvariantCulture, $"nvme-compare {LinuxAddress} {OurAddress} {run.Rounds} {run.Seconds} {run.Engine} {string.Join(' ', run.Depths)}");
        List<NvmeResult> results = [];
        Start("qemu-system-x86_64", Arguments(assets, script, run), line =>
        {
            if (line.Split(' ') is ["result", string side, string operation, string depth, string rate])
            {
                var result = new NvmeResult(side, operation, int.Parse(depth, CultureInfo.InvariantCulture), double.Parse(rate, CultureInfo.InvariantCulture));
                results.Add(result);
                Console.Error.WriteLine($"{result.Side,-10} {result.Operation,-6} depth {result.Depth,3}: {result.Rate,8:0}/s");
            }
            else if (!line.StartsWith('['))
            {
                Console.Error.WriteLine(line);
            }
        });
        return results;
    }

    private static string[] Arguments(string assets, string script, NvmeRun run) =>
    [
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-accel", "tcg", "-cpu", "max", "-smp", $"{run.Cores}", "-m", "1536M",
        "-machine", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on,caching-mode=on",
        "-kernel", $"{assets}/vmlinuz", "-initrd", $"{assets}/initramfs.gz", "-serial", "stdio",
        "-append", $"console=ttyS0 quiet panic=-1 no_timer_check intel_iommu=on iommu={run.LinuxIommu} run={Convert.ToBase64String(Encoding.ASCII.GetBytes(script))}",
        .. new[] { (LinuxAddress, "linux"), (OurAddress, "ours") }.SelectMany(d => new[]
        {
            "-blockdev", $"driver=null-co,node-name={d.Item2},size={1 << 30},read-zeroes=off",
            "-device", $"nvme,serial={d.Item2},drive={d.Item2},addr={d.Item1.Split(':', '.')[2]}",
        }),
    ];

    private static string Execute(string program, params string[] arguments)
    {
        var output = new StringBuilder();
        Start(program, arguments, line => output.AppendLine(line));
        return output.ToString();
    }

    private static void Start(string program, string[] arguments, Action<string> take)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            take(line.TrimEnd('\r'));
        }

        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with status {process.ExitCode}");
        }
    }

    private static string? FindFio() =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(f => Path.Combine(f, "fio")).FirstOrDefault(File.Exists);

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Makatea.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("this has to run from the repository");
    }
}
