using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Makatea.Compare.Net;

/// <summary>
/// DPDK's testpmd as the front end: its virtio-user driver on one processor, which sends bursts of 32 frames and says once a second how many went. As two guests it sends from each to the other, and what one received
/// goes once more from the other: both ways are full all the time.
/// </summary>
internal sealed partial class TestPmd : IDisposable
{
    /// <summary>Frames that go round in loopback mode: eight bursts, as many as a ring of 256 takes.</summary>
    private const int Bursts = 8;

    private readonly Process _process;
    private readonly List<string> _output = [];
    private readonly NetScenario _scenario;

    private TestPmd(Process process, NetScenario scenario)
    {
        _process = process;
        _scenario = scenario;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Connects to a back end and starts to send.</summary>
    /// <param name="sockets">Where each guest connects.</param>
    /// <param name="cpu">The front end's processor.</param>
    /// <param name="scenario">What to do.</param>
    public static TestPmd Start(string[] sockets, int cpu, NetScenario scenario)
    {
        bool isSink = scenario.Mode == NetMode.Sink;
        string[] arguments =
        [
            .. NetBed.Nice, "dpdk-testpmd", .. NetBed.DpdkOptions(cpu, "front"),
            .. sockets.SelectMany((socket, i) => (string[])
                ["--vdev", $"net_virtio_user{i},path={socket},mac={Address(i)},queues=1,queue_size=256,packed_vq={(scenario.Packed ? 1 : 0)}"]),
            "--", "-i", $"--forward-mode={(isSink ? "txonly" : "io")}", .. NetBed.PmdOptions, $"--txpkts={scenario.FrameLength}",
            .. sockets.Select((_, i) => $"--eth-peer={i},{Address(sockets.Length - 1 - i)}"),
        ];
        ProcessStartInfo start = new(arguments[0], arguments[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        TestPmd pmd = new(Process.Start(start)!, scenario);
        pmd.Say(isSink ? "start" : $"start tx_first {Bursts}");
        return pmd;
    }

    /// <summary>Frames a second, measured once a second: those that the front end received, or sent where none come back.</summary>
    /// <param name="warmUp">Seconds before the first.</param>
    /// <param name="seconds">How many.</param>
    /// <returns>For each guest.</returns>
    /// <exception cref="InvalidOperationException">testpmd did not come up; the message is its own.</exception>
    public double[][] Measure(int warmUp, int seconds)
    {
        Thread.Sleep(TimeSpan.FromSeconds(warmUp));
        for (int i = 0; i <= seconds; i++)
        {
            Say("show port stats all");
            Thread.Sleep(TimeSpan.FromSeconds(1));
        }

        Say("stop");
        Say("quit");
        if (!_process.WaitForExit(TimeSpan.FromSeconds(20)))
        {
            _process.Kill();
        }

        _process.WaitForExit();
        lock (_output)
        {
            double[][] rates = [.. Enumerable.Range(0, _scenario.Guests).Select(Rates)];
            return rates.All(r => r.Length != 0) ? rates : throw new InvalidOperationException($"testpmd measured nothing:\n{string.Join('\n', _output)}");
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    [GeneratedRegex(@"^\s*([RT]x)-pps:\s+(\d+)")]
    private static partial Regex RateLine();

    [GeneratedRegex(@"NIC statistics for port (\d+)")]
    private static partial Regex PortLine();

    private static string Address(int guest) => $"52:54:00:00:00:{guest + 1:x2}";

    /// <summary>What was said of a port.</summary>
    private double[] Rates(int port)
    {
        string wanted = _scenario.Mode == NetMode.Sink ? "Tx" : "Rx";
        int current = -1;
        List<double> rates = [];
        foreach (string line in _output)
        {
            current = PortLine().Match(line) is { Success: true } header ? int.Parse(header.Groups[1].Value, CultureInfo.InvariantCulture) : current;
            if (current == port && RateLine().Match(line) is { Success: true } rate && rate.Groups[1].Value == wanted)
            {
                rates.Add(double.Parse(rate.Groups[2].Value, CultureInfo.InvariantCulture));
            }
        }

        // The first is since the start.
        return [.. rates.Skip(1)];
    }

    private void Say(string command)
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.WriteLine(command);
            _process.StandardInput.Flush();
        }
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lock (_output)
            {
                _output.Add(line);
            }
        }
    }
}
