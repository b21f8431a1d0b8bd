using System.Reflection;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Makatea.Domains.Storage;

/// <summary>
/// A component that serves devices from disks: builds each device of its manifest and serves it on its listener. What goes wrong with one device's front
/// end ends that connection; the other devices go on.
/// </summary>
public sealed class StorageDomain : IDisposable
{
    private readonly ServiceProvider _services;
    private readonly List<DeviceServer> _servers = [];

    /// <summary>Opens all that the manifest names; <see cref="Start"/> serves it.</summary>
    /// <param name="manifest">What the component was given.</param>
    /// <param name="host">Where it runs.</param>
    /// <param name="loggers">Where connections, refusals and faults are told.</param>
    /// <param name="modules">Assemblies whose modules register more backends; virtio-blk is there always.</param>
    /// <exception cref="ArgumentException">The manifest asks for what there is not; the message names it.</exception>
    /// <exception cref="IOException">Something granted cannot be used; the message says why.</exception>
    public StorageDomain(ComponentManifest manifest, IStorageHost host, ILoggerFactory loggers, params IReadOnlyList<Assembly> modules)
    {
        ServiceCollection services = new();
        services.AddSingleton(manifest);
        services.AddSingleton(host);
        services.AddSingleton(loggers);
        services.AddSingleton<IBlockDeviceOpener>(new DiskOpener(manifest, host));
        foreach (Assembly assembly in modules.Prepend(typeof(VirtioBlockDevice).Assembly).Distinct())
        {
            services.AddModules(assembly);
        }

        _services = services.BuildServiceProvider();
        try
        {
            foreach (ManifestDevice device in manifest.Devices)
            {
                _servers.Add(Build(manifest, host, device, loggers));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Starts to serve.</summary>
    public void Start()
    {
        foreach (DeviceServer server in _servers)
        {
            server.Start();
        }
    }

    /// <summary>
    /// Ends all connections, after every request that was taken has been given back, and closes the disks. The listeners stay open for
    /// whoever granted them.
    /// </summary>
    public void Dispose()
    {
        foreach (DeviceServer server in _servers)
        {
            server.Dispose();
        }

        _servers.Clear();
        _services.Dispose();
    }

    private DeviceServer Build(ComponentManifest manifest, IStorageHost host, ManifestDevice device, ILoggerFactory loggers)
    {
        IVirtioBackend backend = _services.GetKeyedService<IVirtioBackend>(device.Backend)
            ?? throw new ArgumentException($"device '{device.Name}' wants backend '{device.Backend}', which no module registers");
        ChannelListener listener = host.OpenListener(manifest.Find(device.Channel));
        try
        {
            return new DeviceServer(backend.Create(device), listener, host.Components, loggers.CreateLogger(device.Name));
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }
}
