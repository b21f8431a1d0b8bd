using System.Globalization;
using Makatea.Domains.Manager;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.Sel4.Programs;
using Makatea.VfioProbe;
using Makatea.Virtio.Testing;

namespace Makatea.VfioStorage;

/// <summary>Takes a controller, has the storage domain serve it, kills that in the middle of writes, starts it again, and gives the controller back.</summary>
internal static class Trial
{
    private const uint Generations = 2;
    private const int BlocksAtOnce = 256;
    private const string Socket = "/tmp/vfiostorage.sock";

    /// <summary>Runs it. Afterwards each block holds its second generation.</summary>
    public static void Run(PciAddress address, ulong seed, int blocks, string[] options)
    {
        using (DomainFunction controller = Claim(address, options))
        using (UnixChannelListener listener = UnixChannelListener.Bind(Socket))
        {
            var component = new StorageComponent(address, controller, listener);
            try
            {
                long own = component.PinnedBytes;
                using var frontEnd = new FrontEnd(UnixMessageChannel.Connect(Socket), seed, blocks);
                Check.That(frontEnd.Serial == "vfio", "the storage domain serves the controller's namespace");
                frontEnd.Write(1, blocks);
                frontEnd.Verify(1);
                long shared = component.PinnedBytes - own;
                Check.That(
                    controller is not VfioController || shared >= FrontEnd.MemoryLength,
                    $"the guest's memory is the device's to reach: {shared >> 20} MiB are pinned beside the driver's {own >> 10} KiB");
                Console.WriteLine($"ok: {blocks} blocks written at depth {FrontEnd.Depth} and read");
                CheckInterrupts(address, controller, component.Measure());

                // Killed with requests under way: the next component has the same memory and the same rings, and a device that knows nothing of the one before.
                frontEnd.Begin(Generations, blocks / 3);
                Check.That(frontEnd.Outstanding > 0, $"{frontEnd.Outstanding} requests are under way");
                component.Kill();
                component.Dispose();
                component = new StorageComponent(address, controller, listener);
                frontEnd.Reconnect(UnixMessageChannel.Connect(Socket));
                frontEnd.Finish(Generations);
                frontEnd.Verify(Generations);
                Console.WriteLine("ok: killed in the middle of writes and started again: nothing is lost");
                frontEnd.Flush();
                ProcessExit exit = component.Stop();
                Console.Write(component.Output);
                Check.That(exit.Code == 0, $"it shut the controller down ({exit})");
            }
            catch
            {
                Console.Write(component.Output);
                throw;
            }
            finally
            {
                component.Dispose();
            }
        }

        Check.That(LinuxPciDevice.List().Single(d => d.Address == address).Driver == "nvme", "nvme has it again");
    }

    /// <summary>Writes until somebody pulls the controller: requests end with errors, the kernel gets it while the domain lives, and the domain ends well.</summary>
    public static void Pull(PciAddress address)
    {
        using DomainFunction controller = Claim(address, ["--bind"]);
        using UnixChannelListener listener = UnixChannelListener.Bind(Socket);
        using var component = new StorageComponent(address, controller, listener);
        using (var frontEnd = new FrontEnd(UnixMessageChannel.Connect(Socket), seed: 1, BlocksAtOnce))
        {
            frontEnd.Write(1, BlocksAtOnce);
            Console.WriteLine("ok: writing");
            Check.Refused<InvalidDataException>(
                () =>
                {
                    while (true)
                    {
                        frontEnd.Write(1, BlocksAtOnce);
                    }
                },
                nameof(BlkStatus.IoError),
                "requests end with errors");
            Check.That(
                SpinWait.SpinUntil(() => LinuxPciDevice.List().All(d => d.Address != address), TimeSpan.FromSeconds(20)) && component.IsAlive,
                "the kernel has taken it away, and the domain lives");
        }

        ProcessExit exit = component.Stop();
        Console.Write(component.Output);
        Check.That(exit.Code == 0, $"the domain ended ({exit})");
    }

    /// <summary>The client of the seL4 images and its storage domain, here.</summary>
    public static void Cost(PciAddress address)
    {
        using DomainFunction controller = Claim(address, ["--bind"]);
        using UnixChannelListener listener = UnixChannelListener.Bind(Socket);
        using var component = new StorageComponent(address, controller, listener);
        var host = new LinuxHost();
        using (var disk = new GuestDisk(host, () => UnixMessageChannel.Connect(Socket), static _ => false, 1 << 20, TimeSpan.FromSeconds(60), Console.WriteLine))
        {
            var costs = new Costs(host, TicksPerMicrosecond());
            Console.WriteLine(costs.SystemCall());
            Console.WriteLine(costs.Doorbells());
            Console.WriteLine(costs.Requests(disk, BlkRequestType.Read));
        }

        ProcessExit exit = component.Stop();
        Check.That(exit.Code == 0, $"the domain ended ({exit})");
    }

    /// <summary>Ticks of the time-stamp counter, as the kernel found.</summary>
    private static ulong TicksPerMicrosecond() =>
        (ulong)double.Parse(File.ReadLines("/proc/cpuinfo").First(l => l.StartsWith("cpu MHz", StringComparison.Ordinal)).Split(':')[1], CultureInfo.InvariantCulture);

    /// <summary>Each queue's interrupt is raised where its thread stays, once the manager heard where that is.</summary>
    private static void CheckInterrupts(PciAddress address, DomainFunction controller, IReadOnlyList<MetricSample> samples)
    {
        MetricSample[] queues = [.. samples.Where(s => s.Name == ControllerMetrics.InterruptProcessor)];
        Check.That(controller is VfioController == queues.Length > 0, $"{queues.Length} queues wait for interrupts");
        foreach (MetricSample queue in queues)
        {
            string handler = $"vfio-msix[{queue.Tags[ControllerMetrics.Vector]}]({address})";
            string file = Path.Combine(Directory.EnumerateDirectories("/proc/irq").Single(f => Directory.Exists(Path.Combine(f, handler))), "smp_affinity_list");

            // From another processor to the one that is right.
            File.WriteAllText(file, $"{1 - (int)queue.Value}");
            controller.Observe(samples);
            Check.That(File.ReadAllText(file).Trim() == $"{queue.Value}", $"vector {queue.Tags[ControllerMetrics.Vector]} is raised on processor {queue.Value}");
        }
    }

    /// <summary>Takes a controller as <c>makatea up</c> does, and says what is done with it.</summary>
    public static DomainFunction Claim(PciAddress address, string[] options)
    {
        LinuxPciDevice device = ControllerClaim.Check(
            address, LinuxPciDevice.List(), new DeviceOptions(options.Contains("--bind"), options.Contains("--allow-unprotected"), "makatea up x.yaml"), ControllerKind.Nvme);
        return device.IsIsolated ? new VfioController(device, Tell) : new UnprotectedController(device, Tell);

        static void Tell(string notice) => Console.WriteLine($"ok: {notice}");
    }
}
