using Makatea.Domains.Net;
using Makatea.Imaging;
using Makatea.Platform;
using Makatea.Sel4;
using Makatea.Sel4.Image.Manifests;
using Grant = Makatea.Sel4.Image.Manifests.Grant;

namespace Makatea.Tests.Imaging;

public sealed class SystemExpansionTests : IDisposable
{
    private const string Storage = """
        domains:
          storage: {nvme: emulated, namespaces: [disk.img], memory: 64M, sel4: {program: p.elf}}
        components:
          client: {program: p.elf, disks: [{name: data, image: "nvme:1", memory: 2M, queues: 2, serial: abc, read-only: true, limits: {iops: 5}}]}
        """;

    private readonly TestSystem _system = new();

    public void Dispose() => _system.Dispose();

    [Fact]
    public void A_storage_domain_and_its_client_get_what_their_disk_needs()
    {
        Manifest manifest = _system.Expand(Storage).Manifest;
        Assert.Equal(["console", "storage", "client"], manifest.Components.Select(c => c.Name));
        Component storage = manifest.Components[1];
        Component client = manifest.Components[2];
        Assert.Equal(
            [("client/data", 64ul << 10), ("client/data.memory", 2ul << 20), ("client/data.inflight", 64ul << 10), ("client/data.write-cache", 4096ul)],
            manifest.Regions.Select(r => (r.Name, r.Length)));
        Assert.Equal(
            [("client/data", GrantRights.Write), ("client/data.memory", GrantRights.Write | GrantRights.Device), ("client/data.inflight", GrantRights.Write), ("client/data.write-cache", GrantRights.Write)],
            Of(storage, GrantKind.Region).Select(g => (g.Name, g.Rights)));
        Assert.Equal(["client/data", "client/data.memory", "client/data.inflight"], Of(client, GrantKind.Region).Select(g => g.Name));
        string[] toStorage = ["client/data.request", "client/data.kick0", "client/data.kick1"];
        string[] toClient = ["client/data.reply", "client/data.call0", "client/data.error0", "client/data.call1", "client/data.error1"];
        Assert.Equal(toStorage, Of(client, GrantKind.Ring).Select(g => g.Name));
        Assert.Equal(toStorage, Of(storage, GrantKind.Hear).Select(g => g.Name));
        Assert.Equal(toClient, Of(storage, GrantKind.Ring).Select(g => g.Name));
        Assert.Equal(toClient, Of(client, GrantKind.Hear).Select(g => g.Name));

        Function function = Assert.Single(manifest.Functions);
        Assert.Equal(("0000:00:03.0", 0x18, 0x0010_1b36u, false), (function.Name, function.Address, function.Identity, function.AllowUnprotected));
        Assert.Equal("0000:00:03.0", Assert.Single(Of(storage, GrantKind.Function)).Name);
        _ = manifest.ToBytes();
    }

    /// <summary>The storage domain is told in the words of every host.</summary>
    [Fact]
    public void Components_read_what_they_serve_and_have()
    {
        SystemPlan plan = _system.Expand(Storage);
        var storage = ComponentManifest.FromJson(plan.Files.Single(f => f.Name == "storage.json").Read());
        Assert.Equal(("storage", "storage"), (storage.Name, storage.Kind));
        ManifestDevice device = Assert.Single(storage.Devices);
        Assert.Equal(("client/data", "virtio-blk", "client/data"), (device.Name, device.Backend, device.Channel));
        Assert.Equal(
            "image=grant:0000:00:03.0 iops=5 namespace=1 queues=2 read-only=true serial=abc write-cache-memory=grant:client/data.write-cache",
            string.Join(' ', device.Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}")));
        Assert.Equal(GrantType.Listener, storage.Find("client/data").Type);
        Assert.Equal(GrantType.Function, storage.Find("0000:00:03.0").Type);

        var client = ComponentManifest.FromJson(plan.Files.Single(f => f.Name == "client.json").Read());
        Assert.Empty(client.Devices);
        Assert.Equal(GrantType.Channel, client.Find("client/data").Type);

        // Both name one thing by one number.
        Assert.Equal(storage.Find("client/data.kick1").Slot, client.Find("client/data.kick1").Slot);
        Assert.Equal(plan.Manifest.Doorbells.ToList().IndexOf("client/data.kick1"), client.Find("client/data.kick1").Slot);
    }

    [Fact]
    public void What_a_component_is_given_is_what_its_manifest_lists()
    {
        SystemPlan plan = _system.Expand(Storage);
        foreach (Component component in plan.Manifest.Components.Skip(1))
        {
            var told = ComponentManifest.FromJson(plan.Files.Single(f => f.Name == $"{component.Name}.json").Read());
            Assert.Equal(component.Grants.Where(g => g.Kind != GrantKind.File).Select(g => g.Name), told.Grants.Select(g => g.Name));
            Assert.Equal($"{component.Name}.json", Assert.Single(Of(component, GrantKind.File)).Name);
        }
    }

    [Fact]
    public void A_component_has_its_guest_and_the_guests_memory()
    {
        Manifest manifest = _system.Expand("components: {c: {program: p.elf, guest: 32M}, d: {program: p.elf, guest: 2M}}").Manifest;
        Assert.Equal([("c/guest", 32ul << 20), ("d/guest", 2ul << 20)], manifest.Regions.Select(r => (r.Name, r.Length)));
        Assert.Equal([("guest", 1ul)], Of(manifest.Components[2], GrantKind.Guest).Select(g => (g.Name, g.Number)));
        Assert.Equal([("d/guest", 1ul, GrantRights.Write)], Of(manifest.Components[2], GrantKind.Region).Select(g => (g.Name, g.Number, g.Rights)));
    }

    [Fact]
    public void The_console_has_the_serial_port_and_knows_all_names()
    {
        Component console = _system.Expand(Storage).Manifest.Components[0];
        Assert.Equal(ComponentFlags.Start | ComponentFlags.Restart | ComponentFlags.Console, console.Flags);
        Assert.Equal(["console", "console", "storage", "client"], console.Arguments);
        Grant ports = Assert.Single(console.Grants);
        Assert.Equal((GrantKind.Ports, 0x3f8ul, 8ul), (ports.Kind, ports.Number, ports.Length));
    }

    [Fact]
    public void Components_of_ones_own_get_what_the_file_says()
    {
        Manifest manifest = _system.Expand("""
            regions: {shared: 64K}
            components:
              one:
                program: p.elf
                memory: 32M
                threads: 9
                waiters: 3
                priority: 90
                budget: 300us
                period: 5ms
                restart: true
                args: [a, 2]
                env: {X: y}
                files: {d: data.bin}
                regions: {shared: device}
                rings: [kick]
                functions: {nic: {address: "00:04.0", identity: "8086:10d3", vectors: 3, allow-unprotected: true}}
                ports: [0x70-0x71]
                pins: [8]
                registers: {timer: {address: 0xfed00000}}
              two: {program: p.elf, layer: none, start: false, management: true, regions: {shared: read}, hears: [kick], waiters: 1}
            connections: {link: {regions: [shared]}, other: {doorbells: [kick]}}
            """).Manifest;
        Component one = manifest.Components[1];
        Assert.Equal(("bin/p.elf", "bin/layer", 32ul << 20), (one.Program, one.Layer, one.Memory));
        Assert.Equal((9, 3, 90, 300L, 5000L, ComponentFlags.Start | ComponentFlags.Restart), (one.Threads, one.Waiters, one.Priority, one.Budget, one.Period, one.Flags));
        Assert.Equal(["p.elf", "a", "2"], one.Arguments);
        Assert.Equal(["X=y", "DOTNET_GCHeapHardLimit=1000000", "DOTNET_GCRegionRange=40000000"], one.Environment);
        Assert.Equal(
            [
                "Region 0 shared Write, Device 1", "Ring 0 kick None 2", "Function 0 nic None 0", "Ports 112 0x70-0x71 None 0", "PinInterrupt 8 pin 8 None 0", "Registers 4275044352 timer None 0",
                "File 0 d None 0", "File 0 one.json None 0",
            ],
            one.Grants.Select(g => $"{g.Kind} {g.Number} {g.Name} {g.Rights} {g.Connection}"));
        Assert.Equal(new Function("one/nic", 0x20, 0x10d3_8086, 3, AllowUnprotected: true), Assert.Single(manifest.Functions));

        // The same program, but for another layer.
        Component two = manifest.Components[2];
        Assert.Equal(("bin/p.elf-2", null, 1ul << 20, 0, 1, ComponentFlags.None), (two.Program, two.Layer, two.Memory, two.Threads, two.Waiters, two.Flags));
        Assert.Equal(["Region 1", "Hear 2", "Management 0"], two.Grants.Select(g => $"{g.Kind} {g.Connection}"));
        Assert.Empty(two.Environment);
        _ = manifest.ToBytes();
    }

    [Fact]
    public void A_heap_limit_of_ones_own_is_kept()
    {
        const string System = """
            components:
              one: {program: p.elf, env: {DOTNET_GCHeapHardLimit: "800000"}}
              two: {program: p.elf, memory: 64M, env: {DOTNET_GCRegionRange: "80000000"}}
              three: {program: p.elf, memory: 96M}
            """;
        IReadOnlyList<Component> components = _system.Expand(System).Manifest.Components;
        Assert.Equal(["DOTNET_GCHeapHardLimit=800000", "DOTNET_GCRegionRange=40000000"], components[1].Environment);
        Assert.Equal(["DOTNET_GCRegionRange=80000000", "DOTNET_GCHeapHardLimit=2000000"], components[2].Environment);
        Assert.Equal(["DOTNET_GCHeapHardLimit=3000000", "DOTNET_GCRegionRange=60000000"], components[3].Environment);
    }

    /// <summary>A thread waits at one notification: each queue and each channel takes one, and one more flushes at the end.</summary>
    [Fact]
    public void A_domain_has_waiters_for_all_its_queues()
    {
        const string Many = """
            domains: {s: {sel4: {program: p.elf}}}
            components: {c: {program: p.elf, disks: [{name: a, image: "null:1G", queues: 8}, {name: b, image: "null:1G", queues: 3}]}}
            """;
        Manifest manifest = _system.Expand(Many).Manifest;
        Assert.Equal(4 + 8 + 2 + 3 + 2, manifest.Components[1].Waiters);
        Assert.Equal(1 + 8 + 2 + 3 + 2, manifest.Components[2].Waiters);
        Assert.DoesNotContain(manifest.Components[1].Grants, g => g.Rights.HasFlag(GrantRights.Device));
    }

    private const string Network = """
        domains:
          net: {kind: net, uplink: {e1000: emulated, address: 10.0.2.15/24}, memory: 64M, sel4: {program: p.elf}}
        components:
          guest: {program: p.elf, netvm: net, net: {mtu: 1400}, firewall: [accept proto=tcp]}
        """;

    [Fact]
    public void A_net_domain_and_its_client_get_what_their_network_needs()
    {
        Manifest manifest = _system.Expand(Network).Manifest;
        Component net = manifest.Components[1];
        Component guest = manifest.Components[2];
        Assert.Equal(["net.connections", "net.frames", "net/guest", "net/guest.memory"], manifest.Regions.Select(r => r.Name));

        // Its adapter reaches frames, and nothing else: least of all what a client shares.
        Assert.Equal(
            [("net.connections", GrantRights.Write), ("net.frames", GrantRights.Write | GrantRights.Device), ("net/guest", GrantRights.Write), ("net/guest.memory", GrantRights.Write)],
            Of(net, GrantKind.Region).Select(g => (g.Name, g.Rights)));
        Assert.Equal(["net/guest", "net/guest.memory"], Of(guest, GrantKind.Region).Select(g => g.Name));
        string[] toNet = ["net/guest.request", "net/guest.kick0", "net/guest.kick1"];
        string[] toGuest = ["net/guest.reply", "net/guest.call0", "net/guest.error0", "net/guest.call1", "net/guest.error1"];
        Assert.Equal(toNet, Of(guest, GrantKind.Ring).Select(g => g.Name));
        Assert.Equal(toNet, Of(net, GrantKind.Hear).Select(g => g.Name));
        Assert.Equal(toGuest, Of(net, GrantKind.Ring).Select(g => g.Name));
        Assert.Equal(toGuest, Of(guest, GrantKind.Hear).Select(g => g.Name));
        Assert.Equal(new Function("0000:00:04.0", 0x20, 0x10d3_8086, 1, AllowUnprotected: false), Assert.Single(manifest.Functions));
        _ = manifest.ToBytes();
    }

    /// <summary>What it is told is what it reads on Linux, and what it names was granted.</summary>
    [Fact]
    public void A_net_domain_is_told_of_its_uplink_and_its_clients()
    {
        SystemPlan plan = _system.Expand(Network);
        var manifest = ComponentManifest.FromJson(plan.Files.Single(f => f.Name == "net.json").Read());
        var options = NetDomainOptions.Read(manifest);
        Assert.Equal((NetDomainOptions.Kind, "10.137.0.1"), (manifest.Kind, options.Address4.ToString()));
        Assert.Equal((UplinkKind.Adapter, "0000:00:04.0", "10.0.2.15"), (options.Uplink!.Kind, options.Uplink.Grant, options.Uplink.Address4!.Value.Address.ToString()));
        ClientOptions guest = Assert.Single(options.Clients);
        Assert.Equal(("guest", "net/guest", "10.137.0.17", 1400), (guest.Name, guest.Listener, guest.Address4.ToString(), guest.Mtu));
        Assert.Equal(["action=accept proto=tcp"], guest.Rules);
        Assert.Equal(
            [(GrantType.Region, true), (GrantType.Region, true), (GrantType.Listener, true), (GrantType.Function, true)],
            new[] { options.Connections, options.Frames!, guest.Listener, options.Uplink.Grant }.Select(n => (manifest.Find(n).Type, plan.Manifest.Components[1].Grants.Any(g => g.Name == n))));
        Assert.InRange(options.ConnectionsLength, 1ul, plan.Manifest.Regions[0].Length);
        Assert.Equal(options.FramesLength, plan.Manifest.Regions[1].Length);
    }

    private static IEnumerable<Grant> Of(Component component, GrantKind kind) => component.Grants.Where(g => g.Kind == kind);
}
