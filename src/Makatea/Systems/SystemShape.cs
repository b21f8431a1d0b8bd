using System.Text.Json.Nodes;

namespace Makatea.Systems;

/// <summary>What a system file looks like: the one place that says so, for reading it and for its JSON schema.</summary>
internal static class SystemShape
{
    private const string Path = "a path";

    /// <summary>What the name of a system, domain or qube looks like (Qubes allows as much).</summary>
    public static readonly TextShape Name =
        new("a name of 1 to 31 letters, digits, '-' and '_' that starts with a letter", "^[A-Za-z][A-Za-z0-9_-]{0,30}$");

    private static readonly TextShape _diskName =
        new("a name of 1 to 20 letters, digits, '-' and '_' that starts with a letter", "^[A-Za-z][A-Za-z0-9_-]{0,19}$");

    private static readonly TextShape _serial = new("1 to 20 printable ASCII characters without spaces", "^[!-~]{1,20}$", allowNumbers: true);

    private static readonly TextShape _partition = new("the number, name or GUID of a GPT partition", "^.{1,80}$", allowNumbers: true);

    private static readonly TextShape _controller =
        new("a PCI address, such as 0000:01:00.0, or 'emulated'", "^(emulated|([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\\.[0-7])$");

    private static readonly WordShape<Label> _label = new(
        ("red", Label.Red), ("orange", Label.Orange), ("yellow", Label.Yellow), ("green", Label.Green),
        ("gray", Label.Gray), ("blue", Label.Blue), ("purple", Label.Purple), ("black", Label.Black));

    private static readonly RecordShape<DiskLimits> _limits = new RecordShape<DiskLimits>("limits", "How fast a disk may be used, over all its queues.", () => new())
        .Optional("iops", new WholeNumberShape(1, 100_000_000), (l, v) => l.Iops = v, "Operations a second.")
        .Optional("bps", new SizeShape(1 << 10, 1ul << 40), (l, v) => l.BytesPerSecond = v, "Bytes a second, such as 50M.")
        .Optional("burst", new WholeNumberShape(1, 60_000), (l, v) => l.BurstMilliseconds = v, "For how many milliseconds of idling the full rate can be saved up.", 1000);

    private static readonly RecordShape<DiskDescription> _root =
        DiskKeys(new("root", "The root disk of a qube; the guest sees it first.", () => new()));

    private static readonly RecordShape<DiskDescription> _disk =
        DiskKeys(new RecordShape<DiskDescription>("disk", "A disk of a qube.", () => new())
            .Required("name", _diskName.Located(), (d, v) => d.Name = v, "Its name, unique in the qube; the guest sees it as serial number."));

    private static readonly RecordShape<DomainDescription> _domain = new RecordShape<DomainDescription>("domain", "A component that serves devices, in a sandbox of its own.", () => new())
        .Optional("kind", new WordShape<string>(("storage", "storage")), (d, v) => d.Kind = v, "What it serves.", "storage")
        .Optional("memory", new SizeShape(32 << 20, 16ul << 30), (d, v) => d.Memory = v, "Most memory for its own use.", "128M")
        .Optional("nvme", _controller.Located(), (d, v) => d.Nvme = v, "The NVMe controller that it drives, by PCI address, or 'emulated' for a device model behind an IOMMU. Its namespaces are disks' images: nvme:1.")
        .Optional("namespaces", new ListShape<Located<string>>(new TextShape(Path).Located(), 16), (d, v) => d.Namespaces = v, "What an emulated controller stores: a raw file for each namespace.")
        .Needs("namespaces", "nvme");

    private static readonly RecordShape<QubeDescription> _qube = new RecordShape<QubeDescription>("qube", "A virtual machine.", () => new())
        .Required("label", _label, (q, v) => q.Label = v, "How far it is trusted: red least, black most.")
        .Optional("memory", new SizeShape(16 << 20, 1ul << 40), (q, v) => q.Memory = v, "Its RAM.", "256M")
        .Optional("cores", new WholeNumberShape(1, 64), (q, v) => q.Cores = (int)v, "Number of virtual processors.", 1)
        .Optional("kernel", new TextShape(Path).Located(), (q, v) => q.Kernel = v, "Linux kernel to boot; without it the first disk is booted.")
        .Optional("initrd", new TextShape(Path).Located(), (q, v) => q.Initrd = v, "Initial RAM disk for the kernel.")
        .Optional("cmdline", new TextShape("the kernel's command line"), (q, v) => q.CommandLine = v, "The kernel's command line.", Qemu.QemuCommandLine.DefaultCommandLine)
        .Optional("root", _root, (q, v) => q.Root = v, "Its root disk.")
        .Optional("disks", new ListShape<DiskDescription>(_disk, 24), (q, v) => q.OtherDisks = v, "Its other disks, in the order in which the guest sees them.")
        .Needs("initrd", "kernel")
        .Needs("cmdline", "kernel");

    private static readonly RecordShape<SystemDescription> _system = new RecordShape<SystemDescription>("system", "A Makatea system: domains and qubes.", () => new())
        .Optional("name", Name.Located(), (s, v) => s.Name = v, "Its name; by default the file's.")
        .Optional("domains", new NamedShape<DomainDescription>(Name, _domain, (d, n) => d.Name = n, 0, 16), (s, v) => s.Domains = v, "Its domains by name.")
        .Required("qubes", new NamedShape<QubeDescription>(Name, _qube, (q, n) => q.Name = n, 1, 64), (s, v) => s.Qubes = v, "Its qubes by name.")
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

    private static RecordShape<DiskDescription> DiskKeys(RecordShape<DiskDescription> shape) => shape
        .Optional("domain", Name.Located(), (d, v) => d.Domain = v, "The domain that serves it; by default the only one.")
        .Optional("image", new TextShape(Path + ", nvme:ID for a namespace, or null:SIZE for a device that stores nothing").Located(), (d, v) => d.Image = v, "Raw file or block device that holds it, nvme:ID for a namespace of the domain's controller, or null:SIZE for a device that stores nothing.")
        .Optional("template", new TextShape(Path).Located(), (d, v) => d.Template = v, "Raw file or block device, or nvme:ID, that it starts as a copy of; never written.")
        .Optional("overlay", new TextShape("'volatile' or a path").Located(), (d, v) => d.Overlay = v, "Where what differs from the template is kept: a file, made where there is none, or 'volatile' to throw it away at shutdown.", DiskDescription.Volatile)
        .Optional("read-only", new FlagShape().Located(), (d, v) => d.ReadOnly = v, "The guest cannot write.", false)
        .Optional("partition", _partition.Located(), (d, v) => d.Partition = v, "GPT partition of the image to serve in the place of all of it: its number, its name or its GUID.")
        .Optional("serial", _serial, (d, v) => d.Serial = v, "Serial number that the guest sees; by default the name.")
        .Optional("queues", new WholeNumberShape(1, 64), (d, v) => d.Queues = (int)v, "Number of virtqueues; by default one a core.")
        .Optional("limits", _limits, (d, v) => d.Limits = v, "How fast it may be used.")
        .ExactlyOneOf("image", "template")
        .Needs("overlay", "template");
}
