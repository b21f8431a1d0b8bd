using System.CommandLine;

namespace Makatea.Compare.Nvme;

/// <summary><c>nvme</c>: our NVMe driver over VFIO against Linux's own, in one guest.</summary>
internal static class NvmeCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        Option<int[]> depths = new("--depth") { Description = "Requests outstanding", DefaultValueFactory = _ => [1, 32], AllowMultipleArgumentsPerToken = true };
        Option<int> seconds = new("--seconds") { Description = "Length of one run", DefaultValueFactory = _ => 2 };
        Option<int> rounds = new("--rounds") { Description = "Runs of each side in each scenario", DefaultValueFactory = _ => 5 };
        Option<string> engine = new("--engine") { Description = "fio's engine: libaio, io_uring", DefaultValueFactory = _ => "io_uring" };
        Option<string> mode = new("--linux-iommu") { Description = "How the IOMMU serves Linux's own driver: pt (not at all), strict or lazy", DefaultValueFactory = _ => "pt" };
        Option<int> cores = new("--cores") { Description = "Processors of the guest", DefaultValueFactory = _ => 1 };
        Option<double> least = new("--least") { Description = "Fail where a ratio is less", DefaultValueFactory = _ => 0 };
        Command command = new("nvme", "Compares our NVMe driver over VFIO with Linux's own under fio: random 4 KiB reads and writes on QEMU's controller, in one guest with VT-d, in turns.")
        {
            depths, seconds, rounds, engine, mode, cores, least,
        };
        command.SetAction(parsed =>
        {
            IReadOnlyList<NvmeResult> results = NvmeGuest.Run(new NvmeRun(
                parsed.GetValue(depths)!, parsed.GetValue(seconds), parsed.GetValue(rounds), parsed.GetValue(engine)!, parsed.GetValue(mode)!, parsed.GetValue(cores)));
            return NvmeReport.Print(Console.Out, results) < parsed.GetValue(least) ? 1 : 0;
        });
        return command;
    }
}
