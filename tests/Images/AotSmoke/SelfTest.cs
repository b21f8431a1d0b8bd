using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Makatea.AotSmoke;

/// <summary>The way from a manifest to blocks that were written and read through every kind of ring, in one process.</summary>
internal static class SelfTest
{
    private const int DiskLength = 1 << 20;

    /// <summary>Runs it, a line for each part that works.</summary>
    /// <exception cref="InvalidDataException">One does not.</exception>
    public static void Run()
    {
        ComponentManifest manifest = ComponentManifest.FromJson(new ComponentManifest
        {
            Name = "storage",
            Kind = "storage",
            Devices = [new ManifestDevice("disk", "virtio-blk", "front-end", new Dictionary<string, string> { ["serial"] = "smoke", ["queues"] = "2" })],
        }.ToJson());
        Console.WriteLine("ok: manifest to JSON and back");

        using ServiceProvider services = new ServiceCollection()
            .AddSingleton<IBlockDeviceOpener, MemoryOpener>()
            .AddSingleton(manifest)
            .AddSingleton<ComponentGrants>(new LinuxGrants())
            .AddModules(typeof(BlockModule).Assembly)
            .BuildServiceProvider();
        IVirtioBackend backend = services.GetRequiredKeyedService<IVirtioBackend>(manifest.Devices[0].Backend);
        Console.WriteLine("ok: module found by its attribute, backend made by injection");

        const ulong Split = VirtioFeatures.Version1 | BlkFeatures.All;
        Drive(backend, manifest, "split ring", Split);
        Drive(backend, manifest, "split ring, indirect, event index", Split | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex);
        Drive(backend, manifest, "packed ring", Split | VirtioFeatures.PackedRing);
        Drive(backend, manifest, "packed ring, indirect, event index", Split | VirtioFeatures.PackedRing | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex);
    }

    private static void Drive(IVirtioBackend backend, ComponentManifest manifest, string what, ulong features)
    {
        var host = new LinuxHost();
        using VirtioDevice device = backend.Create(manifest.Devices[0]);
        using var server = new VhostUserServer(device, host);
        MessageChannel channel = host.CreateChannel(out Grant peer);
        var thread = new Thread(() => server.Serve(peer.OpenChannel()));
        thread.Start();
        using (var driver = new VirtioBlkDriver(channel, host, new VirtioBlkDriverOptions { Features = features, QueueCount = 2 }))
        {
            byte[] written = new byte[64 << 10];
            byte[] read = new byte[written.Length];
            for (int i = 0; i < 32; i++)
            {
                new Random(i).NextBytes(written);
                ulong sector = (ulong)(i * 7 % (DiskLength / 512 - 128));
                if (driver.Write(sector, written, i % 2) != BlkStatus.Ok || driver.Read(sector, read, (i + 1) % 2) != BlkStatus.Ok || !written.AsSpan().SequenceEqual(read))
                {
                    throw new InvalidDataException($"{what}: what was written at sector {sector} was not read back");
                }
            }
        }

        server.Close();
        thread.Join();
        Console.WriteLine($"ok: {what}");
    }

    private sealed class MemoryOpener : IBlockDeviceOpener
    {
        public BlockDevice Open(ManifestDevice device, IReadOnlyCollection<string> backendOptions) => new MemoryDevice(DiskLength);
    }
}
