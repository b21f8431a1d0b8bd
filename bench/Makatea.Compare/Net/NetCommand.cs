using System.CommandLine;
using System.Globalization;

namespace Makatea.Compare.Net;

/// <summary>
/// <c>net</c>: frames a second through our vhost-user-net back end and through DPDK's vhost driver, by the same front end (testpmd on virtio-user), in turns. Each back end has one processor and
/// the front end another, and both poll: a frame a second is a frame a second and core.
/// </summary>
internal static class NetCommand
{
    public static Command Create(Func<string> findCommand)
    {
        Option<string> command = new("--command") { Description = "Our command", DefaultValueFactory = _ => findCommand() };
        Option<int> rounds = new("--rounds") { Description = "Runs of each back end in each scenario", DefaultValueFactory = _ => 3 };
        Option<int> seconds = new("--seconds") { Description = "Length of one run", DefaultValueFactory = _ => 5 };
        Option<int> warmUp = new("--warm-up") { Description = "Seconds before each run in which code is compiled and caches fill", DefaultValueFactory = _ => 6 };
        Option<int> length = new("--length") { Description = "Length of a frame in bytes", DefaultValueFactory = _ => 64 };
        Command net = new("net", "Compares Makatea's vhost-user-net back end with DPDK's vhost driver: frames a second, split and packed rings, sent back and dropped.")
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

        if (!File.Exists("/usr/bin/dpdk-testpmd"))
        {
            Console.Error.WriteLine("there is no dpdk-testpmd; install it with: apt-get install dpdk-dev");
            return 1;
        }

        using NetBed bed = new(command, cpu: 0);
        Console.WriteLine("| rings | mode | makatea, Mframes/s | DPDK vhost, Mframes/s | ratio (median of rounds) |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (NetScenario scenario in (NetScenario[])[new(false, true, length), new(true, true, length), new(false, false, length), new(true, false, length)])
        {
            List<(double Ours, double Peer)> results = [];
            for (int round = 0; round < rounds; round++)
            {
                results.Add((Measure(bed.StartOurs, scenario, seconds, warmUp), Measure(bed.StartPeer, scenario, seconds, warmUp)));
            }

            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {(scenario.Packed ? "packed" : "split")} | {(scenario.Loopback ? "loopback" : "sink")} | {Median(results.Select(r => r.Ours)) / 1e6:0.0} | {Median(results.Select(r => r.Peer)) / 1e6:0.0} | {Median(results.Select(r => r.Ours / r.Peer)):0.00} |"));
        }

        return 0;
    }

    private delegate BackendProcess StartBackend(NetScenario scenario, out string socket);

    private static double Measure(StartBackend start, NetScenario scenario, int seconds, int warmUp)
    {
        using BackendProcess backend = start(scenario, out string socket);
        using TestPmd frontend = TestPmd.Start(socket, Environment.ProcessorCount - 1, scenario);
        return Median(frontend.Measure(warmUp, seconds));
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
