using System.Globalization;

namespace Makatea.Compare.Net;

/// <summary>What a back end does with frames.</summary>
internal enum NetMode
{
    /// <summary>They come back.</summary>
    Loopback,

    /// <summary>They are dropped.</summary>
    Sink,

    /// <summary>They go to the other of two guests.</summary>
    Switch,
}

/// <summary>One thing to measure.</summary>
/// <param name="Packed">On packed rings.</param>
/// <param name="Mode">What becomes of the frames.</param>
/// <param name="FrameLength">Length of the frames in bytes.</param>
internal sealed record NetScenario(bool Packed, NetMode Mode, int FrameLength)
{
    public string Rings => Packed ? "packed" : "split";

    /// <summary>Number of guests.</summary>
    public int Guests => Mode == NetMode.Switch ? 2 : 1;
}

/// <summary>Where both back ends run: a folder for sockets, and huge pages for DPDK.</summary>
internal sealed class NetBed : IDisposable
{
    private const string HugePages = "/proc/sys/vm/nr_hugepages";
    private const int PagesNeeded = 160;

    private readonly string _command;
    private readonly int _cpu;
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-compare").FullName;
    private readonly int _pagesBefore;

    public NetBed(string command, int cpu)
    {
        _command = command;
        _cpu = cpu;
        _pagesBefore = int.Parse(File.ReadAllText(HugePages), CultureInfo.InvariantCulture);
        if (_pagesBefore < PagesNeeded)
        {
            File.WriteAllText(HugePages, $"{PagesNeeded}");
        }

        string free = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("HugePages_Free:", StringComparison.Ordinal))[15..].Trim();
        if (int.Parse(free, CultureInfo.InvariantCulture) < PagesNeeded)
        {
            throw new InvalidOperationException($"{free} huge pages are free, DPDK needs {PagesNeeded} for both its ends: echo {2 * PagesNeeded} > {HugePages}");
        }
    }

    /// <summary>Both ends keep their processors, whatever else runs: they poll.</summary>
    public static string[] Nice => Environment.IsPrivilegedProcess ? ["nice", "-n", "-20"] : [];

    /// <summary>testpmd's options for both ends: one core, bursts of 32 frames, rings of 256 descriptors, and frames enough for those.</summary>
    public static string[] PmdOptions { get; } = ["--nb-cores=1", "--burst=32", "--txd=256", "--rxd=256", "--total-num-mbufs=16384"];

    public static string[] DpdkOptions(int cpu, string name) =>
    [
        "--lcores", $"(0)@{cpu},1@{cpu}", "--no-pci", "--in-memory", "--single-file-segments", "-m", "128", "--file-prefix", $"makatea-{name}-{Environment.ProcessId}",
    ];

    /// <summary>Starts our back end.</summary>
    /// <param name="scenario">What it is to do.</param>
    /// <param name="sockets">Where each guest connects: all at one socket.</param>
    public BackendProcess StartOurs(NetScenario scenario, out string[] sockets)
    {
        string socket = Path.Combine(_folder, "makatea.sock");
        sockets = [.. Enumerable.Repeat(socket, scenario.Guests)];
        return BackendProcess.Start(
            "makatea",
            [
                .. Nice, .. _command.Split(' '), "vhost-user-net", $"--socket-path={socket}", $"--mode={scenario.Mode.ToString().ToLowerInvariant()}",
                $"--max-front-ends={scenario.Guests}", "--poll-us=10000",
            ],
            socket,
            _cpu);
    }

    /// <summary>Starts DPDK's vhost driver under testpmd, which has no switch: of two ports, it sends to one what comes from the other.</summary>
    /// <param name="scenario">What it is to do.</param>
    /// <param name="sockets">Where each guest connects: each at one of its own.</param>
    public BackendProcess StartPeer(NetScenario scenario, out string[] sockets)
    {
        sockets = [.. Enumerable.Range(0, scenario.Guests).Select(i => Path.Combine(_folder, $"dpdk{i}.sock"))];

        // Killed, it leaves them behind, and does not start where there are any.
        Array.ForEach(sockets, File.Delete);
        return BackendProcess.Start(
            "DPDK vhost",
            [
                .. Nice, "dpdk-testpmd", .. DpdkOptions(_cpu, "back"), .. sockets.SelectMany((socket, i) => (string[])["--vdev", $"net_vhost{i},iface={socket}"]), "--",
                $"--forward-mode={(scenario.Mode == NetMode.Sink ? "rxonly" : "io")}", "--auto-start", "--stats-period=1000", .. PmdOptions,
            ],
            sockets[^1],
            cpu: null);
    }

    public void Dispose()
    {
        if (_pagesBefore < PagesNeeded)
        {
            File.WriteAllText(HugePages, $"{_pagesBefore}");
        }

        Directory.Delete(_folder, recursive: true);
    }
}
