using Makatea.Domains.Storage.Tests;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;
using Microsoft.Extensions.DependencyInjection;

[assembly: MakateaModule(typeof(BackendTests.Module))]

namespace Makatea.Domains.Storage.Tests;

/// <summary>Where a domain's backends come from: lists, and modules that are loaded.</summary>
public sealed class BackendTests : IDisposable
{
    private const int DiskLength = 1 << 20;
    private readonly DomainBed _bed = new();
    private readonly byte[] _written = new byte[4096];
    private readonly byte[] _read = new byte[4096];

    public BackendTests() => new Random(1).NextBytes(_written);

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Modules_of_an_assembly_register_backends_beside_ours()
    {
        Extra? extra = null;
        _bed.File("a", new byte[DiskLength]).File("b", new byte[DiskLength]).Device("a", "image=grant:a").Device("b", "image=grant:b", Module.Name);
        var options = new StorageDomainOptions
        {
            Backends = s => ModuleBackends.Create(s, [typeof(BackendTests).Assembly], all => all.AddSingleton(_ => extra = new Extra())),
        };
        using (StorageDomain domain = _bed.Start(options))
        {
            CheckServed("a");
            CheckServed("b");
            Assert.False(extra!.IsDisposed);
        }

        Assert.True(extra.IsDisposed);
    }

    [Fact]
    public void A_table_made_by_hand_needs_no_module()
    {
        Extra extra = new();
        _bed.File("a", new byte[DiskLength]).Device("a", "image=grant:a", "mine");
        using (StorageDomain domain = _bed.Start(new StorageDomainOptions { Backends = s => new BackendTable(new Dictionary<string, IVirtioBackend> { ["mine"] = new Backend(s.Disks, extra) }, extra) }))
        {
            CheckServed("a");
        }

        Assert.True(extra.IsDisposed);
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        _bed.File("a", new byte[DiskLength]).Device("a", "image=grant:a", "virtio-blck");
        Assert.Matches(
            "no module registers the backend 'virtio-blck'; did you mean 'virtio-blk'\\?; there are virtio-blk, .*tested-blk$",
            Assert.Throws<ArgumentException>(() => _bed.Start(new StorageDomainOptions { Backends = s => ModuleBackends.Create(s, [typeof(BackendTests).Assembly], all => all.AddSingleton(new Extra())) })).Message);
        Assert.Contains(
            nameof(Extra), Assert.Throws<InvalidOperationException>(() => _bed.Start(new StorageDomainOptions { Backends = s => ModuleBackends.Create(s, [typeof(BackendTests).Assembly]) })).Message, StringComparison.Ordinal);
        Assert.Contains(
            "exports no module", Assert.Throws<InvalidOperationException>(() => _bed.Start(new StorageDomainOptions { Backends = s => ModuleBackends.Create(s, [typeof(string).Assembly]) })).Message, StringComparison.Ordinal);
    }

    private void CheckServed(string device)
    {
        using VirtioBlkDriver driver = _bed.Drive(device);
        Assert.Equal(BlkStatus.Ok, driver.Write(8, _written));
        Assert.Equal(BlkStatus.Ok, driver.Read(8, _read));
        Assert.Equal(_written, _read);
    }

    /// <summary>A module as anybody's: it registers a type, which the container makes of what there is.</summary>
    public sealed class Module : IMakateaModule
    {
        public const string Name = "tested-blk";

        public void Configure(IServiceCollection services) => services.AddVirtioBackend<Backend>(Name);
    }

    public sealed class Backend(IBlockDeviceOpener disks, Extra extra) : IVirtioBackend
    {
        public VirtioDevice Create(ManifestDevice device)
        {
            ObjectDisposedException.ThrowIf(extra.IsDisposed, extra);
            return new VirtioBlockDevice(disks.Open(device, []), new VirtioBlockOptions { Name = device.Name });
        }
    }

    public sealed class Extra : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
