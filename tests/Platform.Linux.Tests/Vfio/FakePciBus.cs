namespace Makatea.Platform.Linux.Tests;

/// <summary>
/// Does in a <see cref="FakeSysfs"/> what the kernel does when a program unbinds functions and has drivers probe them: the override decides, else the function's own driver.
/// </summary>
internal sealed class FakePciBus : IDisposable
{
    private readonly string _root;
    private readonly IReadOnlyDictionary<string, string> _ownDrivers;
    private readonly Thread _thread;
    private volatile bool _isEnding;

    /// <summary>Starts it.</summary>
    /// <param name="sysfs">The folder.</param>
    /// <param name="ownDrivers">The drivers that take functions by themselves.</param>
    /// <param name="loaded">Drivers that there are.</param>
    public FakePciBus(FakeSysfs sysfs, IReadOnlyDictionary<string, string> ownDrivers, params string[] loaded)
    {
        _root = sysfs.Root;
        _ownDrivers = ownDrivers;
        foreach (string driver in loaded)
        {
            Directory.CreateDirectory(Path.Combine(_root, "bus/pci/drivers", driver));
        }

        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Drivers that a function was unbound from and bound to, in turn.</summary>
    public List<string> Moves { get; } = [];

    /// <inheritdoc/>
    public void Dispose()
    {
        _isEnding = true;
        _thread.Join();
    }

    private void Run()
    {
        while (!_isEnding)
        {
            foreach (string unbind in Directory.GetFiles(Path.Combine(_root, "bus/pci/drivers"), "unbind", SearchOption.AllDirectories))
            {
                if (Take(unbind) is { } address)
                {
                    File.Delete(Path.Combine(_root, "bus/pci/devices", address, "driver"));
                    Moves.Add("-" + Path.GetFileName(Path.GetDirectoryName(unbind)));
                }
            }

            if (Take(Path.Combine(_root, "bus/pci/drivers_probe")) is { } probed)
            {
                Probe(probed);
            }

            Thread.Sleep(1);
        }
    }

    private void Probe(string address)
    {
        string folder = Path.Combine(_root, "bus/pci/devices", address);
        string wish = File.ReadAllText(Path.Combine(folder, "driver_override")).Trim();
        string? driver = wish is "" or "(null)" ? _ownDrivers.GetValueOrDefault(address) : wish;
        string drivers = Path.Combine(_root, "bus/pci/drivers", driver ?? "none");
        if (Directory.Exists(drivers) && !File.Exists(Path.Combine(folder, "driver")) && !Directory.Exists(Path.Combine(folder, "driver")))
        {
            File.CreateSymbolicLink(Path.Combine(folder, "driver"), drivers);
            Moves.Add("+" + driver);
        }
    }

    /// <summary>What was written to a file, once all of it was.</summary>
    private static string? Take(string path)
    {
        const int AddressLength = 12;
        if (!File.Exists(path) || new FileInfo(path).Length < AddressLength)
        {
            return null;
        }

        string text = File.ReadAllText(path);
        File.Delete(path);
        return text;
    }
}
