using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Compare;

/// <summary>Measures scenarios: both back ends run at once, the front end drives one and then the other, over and over.</summary>
internal sealed class Comparer(CompareOptions options)
{
    private static readonly TimeSpan _warmUp = TimeSpan.FromSeconds(1.5);
    private readonly LinuxHost _host = new();

    public IEnumerable<Comparison> Run()
    {
        using Bed bed = new(options);
        foreach (Scenario scenario in
            from device in options.Devices
            from queues in options.Queues
            from depth in options.Depths
            from operation in (BlkRequestType[])[BlkRequestType.Read, BlkRequestType.Write]
            select new Scenario(device, operation, depth, queues))
        {
            yield return Measure(bed, scenario);
        }
    }

    private Comparison Measure(Bed bed, Scenario scenario)
    {
        using Side? ours = options.Only == "peer" ? null : Side.Start(bed.StartOurs(scenario), scenario, _host, options);
        using Side? peer = options.Only == "ours" ? null : Side.Start(bed.StartPeer(scenario), scenario, _host, options);
        Side[] sides = [.. new[] { ours, peer }.OfType<Side>()];
        foreach (Side side in sides)
        {
            side.Run(_warmUp);
        }

        for (int round = 0; round < options.Rounds; round++)
        {
            // The order changes, lest one side always follows the other's heat.
            foreach (Side side in round % 2 == 0 ? sides : sides.Reverse())
            {
                side.Measure(options.Duration);
            }
        }

        return new Comparison(scenario, ours?.Runs ?? [], peer?.Runs ?? []);
    }

    private sealed class Side : IDisposable
    {
        private readonly BackendProcess _backend;
        private readonly VirtioBlkDriver _driver;
        private readonly Workload _workload;

        private Side(BackendProcess backend, VirtioBlkDriver driver, Workload workload)
        {
            _backend = backend;
            _driver = driver;
            _workload = workload;
        }

        public List<Measurement> Runs { get; } = [];

        public static Side Start(BackendProcess backend, Scenario scenario, LinuxHost host, CompareOptions options)
        {
            ulong features = BlkFeatures.All | VirtioFeatures.Version1 | VirtioFeatures.EventIndex
                | (options.Indirect ? VirtioFeatures.IndirectDescriptors : 0) | (options.Packed ? VirtioFeatures.PackedRing : 0);
            VirtioBlkDriver driver = new(backend.Connect(), host, new VirtioBlkDriverOptions
            {
                QueueCount = scenario.Queues,
                QueueSize = 128,
                Features = features,
                UseCalls = false,
                Memory = [new GuestRange(0x1_0000_0000, Workload.MemoryFor(scenario))],
            });
            return new Side(backend, driver, new Workload(scenario, driver));
        }

        public void Run(TimeSpan duration) => _workload.Run(duration, out _);

        public void Measure(TimeSpan duration)
        {
            long before = _backend.CpuNanoseconds;
            long operations = _workload.Run(duration, out TimeSpan elapsed);
            Runs.Add(new Measurement(operations, elapsed.TotalSeconds, _backend.CpuNanoseconds - before));
        }

        public void Dispose()
        {
            _driver.Dispose();
            _backend.Dispose();
        }
    }
}
