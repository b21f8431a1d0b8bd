using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Makatea.Compare.Net;

/// <summary>
/// <c>net</c>: frames a second through our vhost-user-net back end and through DPDK's vhost driver, by the same front end (testpmd on virtio-user), in turns; then the times of frames, by our own. Each back end has one processor and
/// the front end another, and both poll: a frame a second is a frame a second and core.
/// </summary>
internal static class NetCommand
{
    /// <summary>Frames that are under way while the most that a back end does is looked for.</summary>
    private const int UnderWay = 128;

    public static Command Create(Func<string> findCommand)
    {
        Option<string> command = new("--command") { Description = "Our command", DefaultValueFactory = _ => findCommand() };
        Option<int> rounds = new("--rounds") { Description = "Runs of each back end in each scenario", DefaultValueFactory = _ => 3 };
        Option<int> seconds = new("--seconds") { Description = "Length of one run", DefaultValueFactory = _ => 5 };
        Option<int> warmUp = new("--warm-up") { Description = "Seconds before each run in which code is compiled and caches fill", DefaultValueFactory = _ => 6 };
        Option<int> length = new("--length") { Description = "Length of a frame in bytes", DefaultValueFactory = _ => 64 };
        Command net = new("net", "Compares Makatea's vhost-user-net back end with DPDK's vhost driver: frames a second, split and packed rings, sent back and dropped; and how long frames take at half load.")
        {
            command, rounds, seconds, warmUp, length,
        };
        net.SetAction(parsed => Run(parsed.GetValue(command)!, parsed.GetValue(rounds), parsed.GetValue(seconds), parsed.GetValue(warmUp), parsed.GetValue(length)));
        return net;
    }

    private static int Run(string command, int rounds, int seconds, int warmUp, int length)
    {
        if (Environment.ProcessorCount < 2)
        {
            Console.Error.WriteLine("a front end and a back end that poll need two processors");
            return 1;
        }

        if (!Program.IsBuilt(command))
        {
            return 1;
        }

        if (!File.Exists("/usr/bin/dpdk-testpmd"))
        {
            Console.Error.WriteLine("there is no dpdk-testpmd; install it with: apt-get install dpdk-dev");
            return 1;
        }

        using NetBed bed = new(command, cpu: 0);
        MeasureRates(bed, rounds, seconds, warmUp, length);
        MeasureGuests(bed, rounds, seconds, warmUp);
        MeasureLatency(bed, rounds, seconds, warmUp, length);
        return 0;
    }

    private static void MeasureRates(NetBed bed, int rounds, int seconds, int warmUp, int length)
    {
        Console.WriteLine("| rings | mode | makatea, Mframes/s | DPDK vhost, Mframes/s | ratio, median of rounds | ratio of the best seconds |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (NetScenario scenario in (NetScenario[])[new(false, NetMode.Loopback, length), new(true, NetMode.Loopback, length), new(false, NetMode.Sink, length), new(true, NetMode.Sink, length)])
        {
            List<(double[] Ours, double[] Peer)> results = [];
            for (int round = 0; round < rounds; round++)
            {
                results.Add((Measure(bed.StartOurs, scenario, seconds, warmUp)[0], Measure(bed.StartPeer, scenario, seconds, warmUp)[0]));
            }

            // Where the host moves a guest's processors apart or together between two runs, everything takes twice or half as long: the best seconds are those of the same, best place.
            double ours = Median(results.Select(r => Median(r.Ours)));
            double peer = Median(results.Select(r => Median(r.Peer)));
            double ratio = Median(results.Select(r => Median(r.Ours) / Median(r.Peer)));
            double best = results.Max(r => r.Ours.Max()) / results.Max(r => r.Peer.Max());
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {scenario.Rings} | {scenario.Mode.ToString().ToLowerInvariant()} | {ours / 1e6:0.0} | {peer / 1e6:0.0} | {ratio:0.00} | {best:0.00} |"));
        }
    }

    /// <summary>Frames of full length from each of two guests to the other at the same time: through our switch, and patched through by testpmd.</summary>
    private static void MeasureGuests(NetBed bed, int rounds, int seconds, int warmUp)
    {
        const int Length = 1514;
        Console.WriteLine();
        Console.WriteLine("| rings | back end | first to second, Gbit/s | second to first | the lesser of the greater |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (NetScenario scenario in (NetScenario[])[new(false, NetMode.Switch, Length), new(true, NetMode.Switch, Length)])
        {
            List<double[][]>[] results = [[], []];
            for (int round = 0; round < rounds; round++)
            {
                results[0].Add(Measure(bed.StartOurs, scenario, seconds, warmUp));
                results[1].Add(Measure(bed.StartPeer, scenario, seconds, warmUp));
            }

            foreach ((string name, List<double[][]> all) in ((string, List<double[][]>)[])[("makatea", results[0]), ("DPDK vhost", results[1])])
            {
                // What the second guest received is what the first sent.
                double[] gigabits = [.. new[] { 1, 0 }.Select(guest => Median(all.Select(r => Median(r[guest]))) * Length * 8 / 1e9)];
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"| {scenario.Rings} | {name} | {gigabits[0]:0.0} | {gigabits[1]:0.0} | {gigabits.Min() / gigabits.Max():0.00} |"));
            }
        }
    }

    private static void MeasureLatency(NetBed bed, int rounds, int seconds, int warmUp, int length)
    {
        // The thread that polls is the one that runs this.
        using Process self = Process.GetCurrentProcess();
        if (OperatingSystem.IsLinux())
        {
            self.ProcessorAffinity = 1 << (Environment.ProcessorCount - 1);
        }

        self.PriorityClass = Environment.IsPrivilegedProcess ? ProcessPriorityClass.RealTime : ProcessPriorityClass.Normal;
        Console.WriteLine();
        Console.WriteLine("| rings | back end | half of its load, Mframes/s | p50, us | p99 | p99.9 | p99.99 | longest | p99.9 / p50 |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (NetScenario scenario in (NetScenario[])[new(false, NetMode.Loopback, length), new(true, NetMode.Loopback, length)])
        {
            foreach ((string name, StartBackend start) in ((string, StartBackend)[])[("makatea", bed.StartOurs), ("DPDK vhost", bed.StartPeer)])
            {
                using BackendProcess backend = start(scenario, out _);
                using LatencyFrontend frontend = new(backend.Connect(), scenario);
                frontend.FindRate(UnderWay, TimeSpan.FromSeconds(warmUp));
                double rate = frontend.FindRate(UnderWay, TimeSpan.FromSeconds(1)) / 2;
                frontend.Measure(rate, TimeSpan.FromSeconds(1));

                // Of several, the one that the rest of the machine disturbed least.
                LatencyHistogram[] all = [.. Enumerable.Range(0, rounds).Select(_ => frontend.Measure(rate, TimeSpan.FromSeconds(seconds))).OrderBy(h => h.Quantile(0.999))];
                double[] times = [.. new[] { 0.5, 0.99, 0.999, 0.9999, 1 }.Select(q => all[0].Quantile(q) / 1e3)];
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {scenario.Rings} | {name} | {rate / 1e6:0.0} | {times[0]:0.0} | {times[1]:0.0} | {times[2]:0.0} | {times[3]:0.0} | {times[4]:0} | {times[2] / times[0]:0.0} |"));
            }
        }
    }

    private delegate BackendProcess StartBackend(NetScenario scenario, out string[] sockets);

    private static double[][] Measure(StartBackend start, NetScenario scenario, int seconds, int warmUp)
    {
        using BackendProcess backend = start(scenario, out string[] sockets);
        using TestPmd frontend = TestPmd.Start(sockets, Environment.ProcessorCount - 1, scenario);
        return frontend.Measure(warmUp, seconds);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
