using Makatea.Sel4;

namespace Makatea.Systems;

/// <summary>What components, and what they share, look like in a system file.</summary>
internal static class ComponentShape
{
    private const ulong LargestMemory = 64ul << 30;
    private const ulong Page = 4096;
    private const ulong LeastGuest = 2 << 20;

    /// <summary>What the name of something that is shared looks like.</summary>
    private static readonly TextShape _objectName =
        new("a name of 1 to 31 letters, digits, '-', '_' and '.' that starts with a letter", "^[A-Za-z][A-Za-z0-9._-]{0,30}$");

    private static readonly TextShape _fileName =
        new("a name of 1 to 63 letters, digits, '-', '_' and '.' that starts with a letter", "^[A-Za-z][A-Za-z0-9._-]{0,62}$");

    private static readonly TextShape _variable = new("a name of letters, digits and '_' that starts with no digit", "^[A-Za-z_][A-Za-z0-9_]{0,126}$");

    private static readonly TextShape _argument = new("text", "^[^\\x00-\\x1f]{0,255}$", allowNumbers: true);

    private static readonly ListShape<Located<string>> _names = new(_objectName.Located(), 64);

    private static readonly RecordShape<FunctionDescription> _function = new RecordShape<FunctionDescription>("function", "A function on PCI that a component drives, in a DMA space of its own.", () => new())
        .Required("address", new TextShape("a PCI address, such as 0000:00:04.0", "^([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$").Located(), (f, v) => f.Address = v, "Where it is.")
        .Optional("identity", new TextShape("VENDOR:DEVICE, such as 8086:10d3", "^[0-9a-f]{4}:[0-9a-f]{4}$"), (f, v) => f.Identity = v, "What it must be, VENDOR:DEVICE; anything by default.")
        .Optional("vectors", new WholeNumberShape(0, 32), (f, v) => f.Vectors = (int)v, "Interrupts by message that it is given.", 1)
        .Optional("allow-unprotected", new FlagShape(), (f, v) => f.AllowUnprotected = v, "It may be driven where no IOMMU keeps it to its memory, by its registers alone: its DMA stays off.", false);

    private static readonly RecordShape<RegistersDescription> _registers = new RecordShape<RegistersDescription>("registers", "Registers of a device by physical address.", () => new())
        .Required("address", new TextShape("a physical address in whole pages, such as 0xfed00000", "^0x[0-9a-f]{1,10}000$", allowNumbers: true).Located(), (r, v) => r.Address = v, "Their physical address.")
        .Optional("length", new SizeShape(Page, 1ul << 30), (r, v) => r.Length = v, "How many bytes, whole pages.", "4K");

    private static readonly RecordShape<DiskDescription> _disk =
        DiskShape.Keys(new RecordShape<DiskDescription>("component-disk", "A disk that a storage domain serves a component, as virtio-blk over memory that they share.", () => new())
            .Required("name", Names.Disk.Located(), (d, v) => d.Name = v, "Its name, unique in the component."))
            .Optional("memory", new SizeShape(64 << 10, 1ul << 30).Located(), (d, v) => d.Memory = v, "Memory for its rings and buffers, which component and domain share.", "1M");

    /// <summary>How a component runs.</summary>
    public static readonly RecordShape<ComponentScheduling> Scheduling =
        SchedulingKeys(new RecordShape<ComponentScheduling>("sel4", "How a domain runs on seL4.", () => new()), s => s)
            .Optional("program", Path("its program").Located(), (s, v) => s.Program = v, "Another program than the domain's own: a folder with a project, a project file, or a static Linux program.");

    /// <summary>A component.</summary>
    public static readonly RecordShape<ComponentDescription> Component =
        SchedulingKeys(NetShape.ClientKeys(new RecordShape<ComponentDescription>("component", "A program of one's own as a component on seL4.", () => new())), c => c.Scheduling)
            .Required("program", Path("its program").Located(), (c, v) => c.Program = v, "What it runs: a folder with a project, a project file, or a program for its layer.")
            .Optional("layer", new WordShape<ComponentLayer>(("linux", ComponentLayer.Linux), ("none", ComponentLayer.None)), (c, v) => c.Layer = v, "What its program finds below it: linux for .NET, none for a freestanding program.", "linux")
            .Optional("memory", new SizeShape(0, LargestMemory).Located(), (c, v) => c.Memory = v, "Memory besides its program: heaps, stacks, page tables; by default 64M with a layer, else 1M.")
            .Optional("guest", new SizeShape(LeastGuest, ManifestLayout.MaxGuestMemory).Located(), (c, v) => c.Guest = v, "Memory of a guest that it runs, on a kernel with VT-x: a virtual processor, and this memory, which the component has, too.")
            .Optional("start", new FlagShape(), (c, v) => c.Start = v, "It is started at boot.", true)
            .Optional("management", new FlagShape(), (c, v) => c.Management = v, "It may start, stop and connect the others.", false)
            .Optional("args", new ListShape<string>(_argument, 64), (c, v) => c.Arguments = v, "Arguments behind the program's name.")
            .Optional("env", Named(_variable, _argument), (c, v) => c.Environment = v, "Its environment.")
            .Optional("files", Named(_fileName, Path("a file")), (c, v) => c.Files = v, "Files that it may read, by their names in the image.")
            .Optional("regions", RegionUses(), (c, v) => c.Regions = v, "Regions of the system that it has: read, write, or device, which lets its devices reach it, too.")
            .Optional("rings", _names, (c, v) => c.Rings = v, "Doorbells that it rings; another component hears each.")
            .Optional("hears", _names, (c, v) => c.Hears = v, "Doorbells that it hears; another component rings each.")
            .Optional("disks", new ListShape<DiskDescription>(_disk, 24), (c, v) => c.Disks = v, "Disks that storage domains serve it.")
            .Optional("functions", new NamedShape<FunctionDescription>(_objectName, _function, (f, n) => f.Name = n, 0, 16), (c, v) => c.Functions = v, "Functions on PCI that it drives, by name.")
            .Optional("ports", new ListShape<Located<string>>(new TextShape("ports in hexadecimal, such as 0x60 or 0x3f8-0x3ff", "^0x[0-9a-f]{1,4}(-0x[0-9a-f]{1,4})?$", allowNumbers: true).Located(), 16), (c, v) => c.Ports = v, "Input and output ports.")
            .Optional("pins", new ListShape<Located<long>>(new WholeNumberShape(0, 255).Located(), 16), (c, v) => c.Pins = v, "Interrupts by pin of the interrupt controller.")
            .Optional("registers", new NamedShape<RegistersDescription>(_objectName, _registers, (r, n) => r.Name = n, 0, 16), (c, v) => c.Registers = v, "Registers of devices by physical address.");

    /// <summary>A connection.</summary>
    public static readonly RecordShape<ConnectionDescription> Connection =
        new RecordShape<ConnectionDescription>("connection", "What components share that comes and goes together, when a component with 'management' says so. What is in none is there from the start.", () => new())
            .Optional("regions", _names, (c, v) => c.Regions = v, "Regions.")
            .Optional("doorbells", _names, (c, v) => c.Doorbells = v, "Doorbells.")
            .Optional("disks", new ListShape<Located<string>>(new TextShape("a component and its disk, such as client/data").Located(), 64), (c, v) => c.Disks = v, "Disks of components, COMPONENT/DISK.");

    /// <summary>Regions of a system.</summary>
    public static NamedShape<RegionDescription> Regions() =>
        new(_objectName, new MappedShape<ulong, RegionDescription>(new SizeShape(Page, LargestMemory), v => new() { Length = v }), (r, n) => r.Name = n, 0, 64);

    private static NamedShape<RegionUse> RegionUses()
    {
        var access = new WordShape<RegionAccess>(("read", RegionAccess.Read), ("write", RegionAccess.Write), ("device", RegionAccess.Device));
        return new(_objectName, new MappedShape<RegionAccess, RegionUse>(access, v => new() { Access = v }), (r, n) => r.Name = n, 0, 64);
    }

    private static NamedShape<NamedText> Named(TextShape names, TextShape texts) =>
        new(names, new MappedShape<Located<string>, NamedText>(texts.Located(), v => new() { Text = v }), (t, n) => t.Name = n, 0, 32);

    private static TextShape Path(string what) => new($"a path of {what}");

    private static RecordShape<T> SchedulingKeys<T>(RecordShape<T> shape, Func<T, ComponentScheduling> of)
        where T : class => shape
        .Optional("threads", new WholeNumberShape(1, Sel4.ManifestLayout.MaxThreads), (c, v) => of(c).Threads = (int)v, "Most threads of its program.", ComponentDefaults.Threads)
        .Optional("waiters", new WholeNumberShape(0, Sel4.ManifestLayout.MaxWaiters), (c, v) => of(c).Waiters = (int)v, "How many of its threads can wait for doorbells.", ComponentDefaults.Waiters)
        .Optional("priority", new WholeNumberShape(Sel4.ManifestLayout.MinPriority, Sel4.ManifestLayout.MaxPriority), (c, v) => of(c).Priority = (int)v, $"The higher goes first; by default {ComponentDefaults.DomainPriority} for domains and {ComponentDefaults.Priority} for others.")
        .Optional("budget", new DurationShape(50, Sel4.ManifestLayout.MaxPeriod).Located(), (c, v) => of(c).Budget = v, "Processor time that each of its threads has in each period.", $"{ComponentDefaults.Period}us")
        .Optional("period", new DurationShape(50, Sel4.ManifestLayout.MaxPeriod), (c, v) => of(c).Period = v, "Length of the periods.", $"{ComponentDefaults.Period}us")
        .Optional("restart", new FlagShape(), (c, v) => of(c).Restart = v, "It is started again when it fails; by default domains are.");
}
