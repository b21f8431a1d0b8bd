using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Domains.Storage.Tests;

/// <summary>What a manager makes for a storage domain: files, memory and sockets, their grants, and the devices of its manifest.</summary>
internal sealed class DomainBed : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-domain-").FullName;
    private readonly List<ManifestGrant> _grants = [];
    private readonly List<ManifestDevice> _devices = [];
    private readonly List<IDisposable> _owned = [];

    public LinuxHost Host { get; } = new();

    /// <summary>What the host noticed of files.</summary>
    public List<string> FileNotices { get; } = [];

    public ComponentManifest Manifest => new() { Name = "storage", Kind = "storage", Grants = [.. _grants], Devices = [.. _devices] };

    public string PathOf(string file) => Path.Combine(_folder, file);

    /// <summary>Grants a file with contents; without, one that is there already.</summary>
    public DomainBed File(string name, byte[]? contents = null, MemoryAccess access = MemoryAccess.ReadWrite)
    {
        if (contents is not null)
        {
            System.IO.File.WriteAllBytes(PathOf(name), contents);
        }

        var file = System.IO.File.OpenHandle(PathOf(name), FileMode.Open, access == MemoryAccess.Read ? FileAccess.Read : FileAccess.ReadWrite, FileShare.ReadWrite);
        _owned.Add(file);
        _grants.Add(new ManifestGrant(name, GrantType.File, (int)file.DangerousGetHandle(), access));
        return this;
    }

    public DomainBed Memory(string name, ulong length)
    {
        var memory = (LinuxGrant)Host.CreateMemory(name, length);
        _owned.Add(memory);
        _grants.Add(new ManifestGrant(name, GrantType.Region, (int)memory.Handle.DangerousGetHandle()));
        return this;
    }

    public DomainBed Device(string name, string options, string backend = "virtio-blk")
    {
        var listener = UnixChannelListener.Bind(PathOf($"{name}.sock"));
        _owned.Add(listener);
        _grants.Add(new ManifestGrant($"{name} socket", GrantType.Listener, (int)listener.Handle.DangerousGetHandle()));
        _devices.Add(new ManifestDevice(name, backend, $"{name} socket", options.Split(' ').Select(o => o.Split('=')).ToDictionary(o => o[0], o => o[1])));
        return this;
    }

    public StorageDomain Start(StorageDomainOptions? options = null)
    {
        var domain = new StorageDomain(Manifest, Host, new LinuxGrants(FileNotices.Add), options);
        domain.Start();
        return domain;
    }

    public MessageChannel Connect(string device) => UnixMessageChannel.Connect(PathOf($"{device}.sock"));

    public VirtioBlkDriver Drive(string device, int queues = 1) => new(Connect(device), Host, new VirtioBlkDriverOptions { QueueCount = queues });

    public void Dispose()
    {
        _owned.ForEach(o => o.Dispose());
        Directory.Delete(_folder, true);
    }
}
