using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Makatea.Compare.Net;

/// <summary>DPDK's testpmd as the front end: its virtio-user driver on one processor, which sends bursts of 32 frames and says once a second how many went.</summary>
internal sealed partial class TestPmd : IDisposable
{
    /// <summary>Frames that go round in loopback mode: eight bursts, as many as a ring of 256 takes.</summary>
    private const int Bursts = 8;

    private readonly Process _process;
    private readonly List<string> _output = [];
    private readonly bool _isLoopback;

    private TestPmd(Process process, bool isLoopback)
    {
        _process = process;
        _isLoopback = isLoopback;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Connects to a back end and starts to send.</summary>
    /// <param name="socket">Where it listens.</param>
    /// <param name="cpu">The front end's processor.</param>
    /// <param name="scenario">What to do.</param>
    public static TestPmd Start(string socket, int cpu, NetScenario scenario)
    {
        string device = $"net_virtio_user0,path={socket},queues=1,queue_size=256,packed_vq={(scenario.Packed ? 1 : 0)}";
        string[] arguments =
        [
            .. NetBed.Nice, "dpdk-testpmd", .. NetBed.DpdkOptions(cpu, "front"), "--vdev", device, "--", "-i",
            $"--forward-mode={(scenario.Loopback ? "io" : "txonly")}", .. NetBed.PmdOptions, $"--txpkts={scenario.FrameLength}",
        ];
        ProcessStartInfo start = new(arguments[0], arguments[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        TestPmd pmd = new(Process.Start(start)!, scenario.Loopback);
        pmd.Say(scenario.Loopback ? $"start tx_first {Bursts}" : "start");
        return pmd;
    }

    /// <summary>Frames a second, measured once a second.</summary>
    /// <param name="warmUp">Seconds before the first.</param>
    /// <param name="seconds">How many.</param>
    /// <exception cref="InvalidOperationException">testpmd did not come up; the message is its own.</exception>
    public double[] Measure(int warmUp, int seconds)
    {
        Thread.Sleep(TimeSpan.FromSeconds(warmUp));
        for (int i = 0; i <= seconds; i++)
        {
            Say("show port stats 0");
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
            double[] rates = [.. _output.Select(l => RateLine().Match(l)).Where(m => m.Success && m.Groups[1].Value == (_isLoopback ? "Rx" : "Tx"))
                .Select(m => double.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture))];

            // The first is since the start.
            return rates.Length > 1 ? rates[1..] : throw new InvalidOperationException($"testpmd measured nothing:\n{string.Join('\n', _output)}");
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
