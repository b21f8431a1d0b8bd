using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Domains.Storage;

/// <summary>
/// A component that serves devices from disks: builds each device of its manifest and serves it on its listener. What goes wrong with one device's front
/// end ends that connection, what goes wrong with one device ends that device; the others go on.
/// </summary>
/// <remarks>Its options are those of <c>virtio-blk</c> and of disks: see <see cref="DiskOptions"/>.</remarks>
public sealed class StorageDomain : IDisposable
{
    private readonly ComponentHost _host;
    private readonly ComponentLogger _logger;
    private readonly BackendTable _backends;
    private readonly ControllerOpener _controllers;
    private readonly DiskOpener _disks;
    private readonly List<DeviceServer> _servers = [];
    private readonly List<string> _notices = [];
    private readonly StorageMetrics? _metrics;

    /// <summary>Opens all that the manifest names; <see cref="Start"/> serves it.</summary>
    /// <param name="manifest">What the component was given.</param>
    /// <param name="host">Where it runs.</param>
    /// <param name="grants">Uses of what it was given.</param>
    /// <param name="options">What else there is to say.</param>
    /// <exception cref="ArgumentException">The manifest asks for what there is not; the message names it.</exception>
    /// <exception cref="GrantException">A grant is not what the manifest says.</exception>
    /// <exception cref="IOException">Something granted cannot be used; the message says why.</exception>
    public StorageDomain(ComponentManifest manifest, ComponentHost host, ComponentGrants grants, StorageDomainOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        options ??= new StorageDomainOptions();
        _host = host;
        _logger = options.Logger;
        _controllers = new ControllerOpener(host, grants, Notice, _logger);
        _disks = new DiskOpener(manifest, host, grants, _controllers, Notice);
        _backends = options.Backends(new BackendServices(manifest, host, grants, _disks, _logger));
        foreach (ManifestDevice device in manifest.Devices)
        {
            try
            {
                _servers.Add(Open(manifest, grants, device));
            }
            catch (Exception e) when (options.DeviceFailed is { } failed && e is ArgumentException or IOException or GrantException)
            {
                StorageLogMessages.NotOpened(_logger, device.Name, e.Message);
                options.DeviceFailed(device, e);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        _metrics = MetricsSwitch.IsOn ? new StorageMetrics(manifest.Name, [.. _disks.Disks.Values], _controllers.Opened) : null;
    }

    /// <summary>What the user may want to know of how the devices are served.</summary>
    public IReadOnlyList<string> Notices => _notices;

    /// <summary>Starts to serve.</summary>
    public void Start() => _servers.ForEach(s => s.Start());

    /// <summary>Waits until no front end can come any more: after <see cref="Close"/>, or when every listener was a connection, and those ended.</summary>
    public void Wait() => _servers.ForEach(s => s.Wait());

    /// <summary>Asks for the end of all connections and of waiting for others. From any thread.</summary>
    public void Close() => _servers.ForEach(s => s.Close());

    /// <summary>Ends all connections after every request that was taken was given back, flushes the disks and closes them.</summary>
    public void Dispose()
    {
        Close();
        _metrics?.Dispose();
        _servers.ForEach(s => s.End(Flush));
        _servers.Clear();
        _backends.Dispose();
        _controllers.Dispose();
    }

    private DeviceServer Open(ComponentManifest manifest, ComponentGrants grants, ManifestDevice device)
    {
        IVirtioBackend backend = _backends.Find(device);
        ManifestGrant channel = manifest.Grants.FirstOrDefault(g => g.Name == device.Channel)
            ?? throw new ArgumentException($"device '{device.Name}': the component was not granted its channel '{device.Channel}'");
        ChannelListener listener = grants.OpenListener(channel);
        try
        {
            VirtioDevice served = backend.Create(device);
            if (_disks.Disks.TryGetValue(device.Name, out Disk? disk))
            {
                StorageLogMessages.Opened(_logger, device.Name, disk.Device.Info.SectorCount * BlockDevice.SectorSize, device.Backend);
            }

            return new DeviceServer(served, listener, _host, _logger);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    private void Flush(string device)
    {
        try
        {
            _disks.Disks.GetValueOrDefault(device)?.Flush(_host);
        }
        catch (IOException e)
        {
            StorageLogMessages.FlushFailed(_logger, device, e.Message);
        }
    }

    private void Notice(string notice)
    {
        _notices.Add(notice);
        StorageLogMessages.Noticed(_logger, notice);
    }
}
