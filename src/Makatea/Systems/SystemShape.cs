using System.Text.Json.Nodes;

namespace Makatea.Systems;

/// <summary>What a system file looks like: the one place that says so, for reading it and for its JSON schema.</summary>
internal static class SystemShape
{
    private const string Path = "a path";

    private static readonly TextShape _controller =
        new("a PCI address, such as 0000:01:00.0, or 'emulated'", "^(emulated|([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\\.[0-7])$");

    private static readonly WordShape<Label> _label = new(
        ("red", Label.Red), ("orange", Label.Orange), ("yellow", Label.Yellow), ("green", Label.Green),
        ("gray", Label.Gray), ("blue", Label.Blue), ("purple", Label.Purple), ("black", Label.Black));

    private static readonly RecordShape<DiskDescription> _root =
        DiskShape.Keys(new("root", "The root disk of a qube; the guest sees it first.", () => new()));

    private static readonly RecordShape<DiskDescription> _disk =
        DiskShape.Keys(new RecordShape<DiskDescription>("disk", "A disk of a qube.", () => new())
            .Required("name", Names.Disk.Located(), (d, v) => d.Name = v, "Its name, unique in the qube; the guest sees it as serial number."));

    private static readonly RecordShape<DomainDescription> _domain = new RecordShape<DomainDescription>("domain", "A component that serves devices, in a sandbox of its own.", () => new())
        .Optional("kind", new WordShape<string>((DomainDescription.Storage, DomainDescription.Storage), (DomainDescription.Net, DomainDescription.Net)), (d, v) => d.Kind = v, "What it serves: storage disks, net network interfaces.", DomainDescription.Storage)
        .Optional("memory", new SizeShape(32 << 20, 16ul << 30), (d, v) => d.Memory = v, "Most memory for its own use.", "128M")
        .Optional("nvme", _controller.Located(), (d, v) => d.Nvme = v, "The NVMe controller that it drives, by PCI address, or 'emulated' for a device model behind an IOMMU. Its namespaces are disks' images: nvme:1.")
        .Optional("namespaces", new ListShape<Located<string>>(new TextShape(Path).Located(), 16), (d, v) => d.Namespaces = v, "What an emulated controller stores: a raw file for each namespace.")
        .Optional("uplink", NetShape.Uplink, (d, v) => d.Uplink = v, "How a net domain reaches the world.")
        .Optional("sel4", ComponentShape.Scheduling, (d, v) => d.Scheduling = v, "How it runs on seL4.")
        .Needs("namespaces", "nvme");

    private static readonly RecordShape<QubeDescription> _qube = NetShape.ClientKeys(new RecordShape<QubeDescription>("qube", "A virtual machine.", () => new())
        .Required("label", _label, (q, v) => q.Label = v, "How far it is trusted: red least, black most.")
        .Optional("memory", new SizeShape(16 << 20, 1ul << 40), (q, v) => q.Memory = v, "Its RAM.", "256M")
        .Optional("cores", new WholeNumberShape(1, 64), (q, v) => q.Cores = (int)v, "Number of virtual processors.", 1)
        .Optional("vmm", new WordShape<VmmKind>(("makatea", VmmKind.Makatea), ("qemu", VmmKind.Qemu)).Located(), (q, v) => q.Vmm = v, "What it runs in, qemu by default. makatea needs a kernel, and KVM that really works.")
        .Optional("kernel", new TextShape(Path).Located(), (q, v) => q.Kernel = v, "Linux kernel to boot; without it the first disk is booted, which makatea does not do.")
        .Optional("initrd", new TextShape(Path).Located(), (q, v) => q.Initrd = v, "Initial RAM disk for the kernel.")
        .Optional("cmdline", new TextShape("the kernel's command line"), (q, v) => q.CommandLine = v, "The kernel's command line.", Qemu.QemuCommandLine.DefaultCommandLine)
        .Optional("root", _root, (q, v) => q.Root = v, "Its root disk.")
        .Optional("disks", new ListShape<DiskDescription>(_disk, 24), (q, v) => q.OtherDisks = v, "Its other disks, in the order in which the guest sees them."))
        .Needs("initrd", "kernel")
        .Needs("cmdline", "kernel");

    private static readonly RecordShape<SystemDescription> _system = new RecordShape<SystemDescription>("system", "A Makatea system: domains, and qubes on Linux or components on seL4.", () => new())
        .Optional("name", Names.System.Located(), (s, v) => s.Name = v, "Its name; by default the file's.")
        .Optional("domains", new NamedShape<DomainDescription>(Names.System, _domain, (d, n) => d.Name = n, 0, 16), (s, v) => s.Domains = v, "Its domains by name.")
        .Optional("qubes", new NamedShape<QubeDescription>(Names.System, _qube, (q, n) => q.Name = n, 1, 64), (s, v) => s.Qubes = v, "Its qubes by name.")
        .Optional("components", new NamedShape<ComponentDescription>(Names.System, ComponentShape.Component, (c, n) => c.Name = n, 1, 63), (s, v) => s.Components = v, "Its components on seL4 by name.")
        .Optional("regions", ComponentShape.Regions(), (s, v) => s.Regions = v, "Memory that components share: sizes by name.")
        .Optional("connections", new NamedShape<ConnectionDescription>(Names.System, ComponentShape.Connection, (c, n) => c.Name = n, 0, 64), (s, v) => s.Connections = v, "What components share that comes and goes together, by name.")
        .Optional("memory", new SizeShape(64 << 20, 1ul << 40).Located(), (s, v) => s.Memory = v, "Memory of the machine that it is to fit into on seL4.", "512M")
        .AtLeastOneOf("qubes", "components")
        .AllowExtensions();

    /// <summary>Reads a system; <paramref name="errors"/> says whether it is right.</summary>
    /// <returns>As much of the system as could be read, or null.</returns>
    public static SystemDescription? Read(YamlValue document, SystemFileErrors errors) =>
        _system.TryRead(document, "the file", errors, out SystemDescription? system) ? system : null;

    /// <summary>The JSON schema, draft 2020-12.</summary>
    public static JsonObject ToJsonSchema()
    {
        var definitions = new JsonObject();
        JsonObject system = _system.Describe(definitions);
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Makatea system file",
        };
        foreach ((string key, JsonNode? value) in system.ToArray())
        {
            system.Remove(key);
            schema[key] = value;
        }

        schema["$defs"] = definitions;
        return schema;
    }
}
