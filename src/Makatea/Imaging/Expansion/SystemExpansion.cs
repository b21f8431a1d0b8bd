using System.Globalization;
using Makatea.Platform;
using Makatea.Sel4;
using Makatea.Sel4.Image.Manifests;
using Makatea.Systems;
using Grant = Makatea.Sel4.Image.Manifests.Grant;

namespace Makatea.Imaging;

/// <summary>Makes of a system's domains and components what the root task starts: the console first, then domains, then components.</summary>
internal sealed class SystemExpansion
{
    private const ulong ConsoleMemory = 64 << 10;
    private const int FewestWaiters = 8;
    private const string GuestName = "guest";

    // A controller's interrupts, and a queue of the domain's own for each disk, to flush it at the end.
    private const int ControllerWaiters = Sel4Devices.NvmeVectors;
    private const int DiskWaiters = 2;

    // The forwarding thread, and the adapter; and for each client a thread for messages.
    private const int ForwardingWaiters = 2;
    private const int PortWaiters = 2;

    private readonly SystemDescription _system;
    private readonly SharedTable _shared;
    private readonly Dictionary<string, PlannedComponent> _planned;
    private readonly Dictionary<string, ProgramProject> _programs = [];
    private readonly List<PlannedFile> _files = [];
    private readonly List<Component> _components = [];

    private SystemExpansion(SystemDescription system)
    {
        _system = system;
        _shared = new SharedTable(system.Connections);
        _planned = system.Domains.Select(d => new PlannedComponent(d.Name.Value, d.Kind))
            .Concat(system.Components.Select(c => new PlannedComponent(c.Name.Value, "component")))
            .ToDictionary(p => p.Name);
    }

    /// <summary>Expands a system that was checked, and holds nothing that seL4 cannot.</summary>
    /// <exception cref="Cli.CommandException">Our own program for a domain is not there.</exception>
    public static SystemPlan Expand(SystemDescription system) => new SystemExpansion(system).Expand();

    private SystemPlan Expand()
    {
        AddConsole();
        _system.Regions.ToList().ForEach(r => _shared.AddRegion(r.Name.Value, r.Length));
        var controllers = _system.Domains.Where(d => d.Nvme is not null).ToDictionary(d => d.Name.Value, GiveController);
        foreach (DomainDescription domain in _system.Domains.Where(d => d.IsNet))
        {
            NetExpansion.Expand(_system, domain, GiveAdapter(domain), _planned, _shared);
        }

        foreach (ComponentDescription component in _system.Components)
        {
            foreach (DiskDescription disk in component.Disks)
            {
                string domain = disk.Domain!.Value.Value;
                DiskExpansion.Expand(disk, _planned[component.Name.Value], _planned[domain], controllers.GetValueOrDefault(domain), _shared);
            }

            Give(component, _planned[component.Name.Value]);
        }

        _system.Domains.ToList().ForEach(Add);
        _system.Components.ToList().ForEach(Add);
        var manifest = new Manifest { Components = _components, Regions = _shared.Regions, Doorbells = _shared.Doorbells, Functions = _shared.Functions };
        return new SystemPlan(manifest, _programs, _files, _system.Memory?.Value ?? ComponentDefaults.MachineMemory);
    }

    private void AddConsole()
    {
        _programs.Add(SystemPlan.Console, ProgramProject.InSources("src/Sel4/Console", ComponentLayer.None));
        _components.Add(new Component
        {
            Name = ComponentDefaults.Console,
            Program = SystemPlan.Console,

            // Writers are numbers to it.
            Arguments = [ComponentDefaults.Console, ComponentDefaults.Console, .. _planned.Keys],
            Memory = ConsoleMemory,
            Priority = ComponentDefaults.ConsolePriority,
            Budget = ComponentDefaults.Period,
            Period = ComponentDefaults.Period,
            Flags = ComponentFlags.Start | ComponentFlags.Restart | ComponentFlags.Console,
            Grants = [new Grant(GrantKind.Ports, Sel4Devices.ConsoleFirstPort, "serial") { Length = Sel4Devices.ConsoleLastPort - Sel4Devices.ConsoleFirstPort + 1 }],
        });
    }

    /// <summary>Gives a domain its NVMe controller.</summary>
    /// <returns>What it calls it.</returns>
    private string GiveController(DomainDescription domain) => domain.IsEmulated
        ? GiveFunction(domain, Sel4Devices.Nvme, Sel4Devices.NvmeIdentity, Sel4Devices.NvmeVectors)
        : GiveFunction(domain, domain.Nvme!.Value.Value, null, Sel4Devices.NvmeVectors);

    /// <summary>Gives a net domain its adapter.</summary>
    /// <returns>What it calls it.</returns>
    private string GiveAdapter(DomainDescription domain)
    {
        UplinkDescription uplink = domain.Uplink!.Value.Value;
        return uplink.IsEmulated
            ? GiveFunction(domain, Sel4Devices.Adapter, Sel4Devices.AdapterIdentity, Sel4Devices.AdapterVectors)
            : GiveFunction(domain, uplink.E1000!.Value.Value, null, Sel4Devices.AdapterVectors);
    }

    private string GiveFunction(DomainDescription domain, string written, string? identity, int vectors)
    {
        _ = PciAddress.TryParse(written, out PciAddress address);
        string name = address.ToString();
        ulong number = _shared.AddFunction(new Function(name, address.RequesterId, Sel4Devices.Identity(identity), vectors, AllowUnprotected: false));
        _planned[domain.Name.Value].Give(new Grant(GrantKind.Function, number, name), GrantType.Function);
        return name;
    }

    private void Give(ComponentDescription component, PlannedComponent planned)
    {
        foreach (RegionUse use in component.Regions)
        {
            string name = use.Name.Value;
            GrantRights rights = use.Access switch { RegionAccess.Read => GrantRights.None, RegionAccess.Write => GrantRights.Write, _ => GrantRights.Write | GrantRights.Device };
            planned.GiveRegion(_shared.FindRegion(name), name, rights, _shared.ConnectionOf("region", name));
        }

        if (component.Guest is { } guest)
        {
            string name = $"{component.Name.Value}/{GuestName}";
            ulong region = _shared.AddRegion(name, guest.Value);
            planned.GiveRegion(region, name, GrantRights.Write, 0);
            planned.Give(new Grant(GrantKind.Guest, region, GuestName));
        }

        component.Rings.ToList().ForEach(d => planned.GiveDoorbell(GrantKind.Ring, _shared.Doorbell(d.Value), d.Value, _shared.ConnectionOf("doorbell", d.Value)));
        component.Hears.ToList().ForEach(d => planned.GiveDoorbell(GrantKind.Hear, _shared.Doorbell(d.Value), d.Value, _shared.ConnectionOf("doorbell", d.Value)));
        foreach (FunctionDescription function in component.Functions)
        {
            _ = PciAddress.TryParse(function.Address.Value, out PciAddress address);
            string name = function.Name.Value;
            ulong number = _shared.AddFunction(new Function($"{component.Name.Value}/{name}", address.RequesterId, Sel4Devices.Identity(function.Identity), function.Vectors, function.AllowUnprotected));
            planned.Give(new Grant(GrantKind.Function, number, name), GrantType.Function);
        }

        foreach (string ports in component.Ports.Select(p => p.Value))
        {
            (int first, int last) = Sel4Devices.Ports(ports);
            planned.Give(new Grant(GrantKind.Ports, (ulong)first, ports) { Length = (ulong)(last - first + 1) });
        }

        component.Pins.ToList().ForEach(p => planned.Give(new Grant(GrantKind.PinInterrupt, (ulong)p.Value, $"pin {p.Value.ToString(CultureInfo.InvariantCulture)}")));
        component.Registers.ToList().ForEach(r => planned.Give(new Grant(GrantKind.Registers, Sel4Devices.Address(r.Address.Value), r.Name.Value) { Length = r.Length }));
        foreach (NamedText file in component.Files)
        {
            planned.Give(new Grant(GrantKind.File, 0, file.Name.Value));
            AddFile(new PlannedFile(file.Name.Value, file.Text.Value, null));
        }

        if (component.Management)
        {
            planned.Give(new Grant(GrantKind.Management, 0, "management"));
        }
    }

    private void Add(DomainDescription domain)
    {
        string own = domain.IsNet ? "src/Sel4/Programs/Net" : "src/Sel4/Programs/Storage";
        ProgramProject program = domain.Scheduling.Program is { } named ? new(named.Value, ComponentLayer.Linux) : ProgramProject.InSources(own, ComponentLayer.Linux);
        int waiters = domain.IsNet
            ? ForwardingWaiters + (PortWaiters * _system.NetClients.Count(c => c.NetVm?.Value == domain.Name.Value))
            : ControllerWaiters + _system.Disks.Where(d => d.Domain?.Value == domain.Name.Value).Sum(d => DiskExpansion.QueuesOf(d) + DiskWaiters);
        ComponentFlags flags = ComponentFlags.Start | (domain.Scheduling.Restart ?? true ? ComponentFlags.Restart : ComponentFlags.None);
        Add(_planned[domain.Name.Value], program, ComponentDefaults.DomainPriority, waiters, domain.Scheduling, new Component { Name = domain.Name.Value, Program = "", Memory = domain.Memory, Flags = flags });
    }

    private void Add(ComponentDescription component)
    {
        // A driver of a disk has a thread for each queue, and one for messages; that of a network has one for all queues.
        int waiters = component.Layer == ComponentLayer.None ? 0 : 1 + component.Disks.Sum(d => DiskExpansion.QueuesOf(d) + DiskWaiters) + (component.NetVm is null ? 0 : 1 + PortWaiters);
        ComponentFlags flags = (component.Start ? ComponentFlags.Start : ComponentFlags.None) | (component.Scheduling.Restart ?? false ? ComponentFlags.Restart : ComponentFlags.None);
        Add(_planned[component.Name.Value], new ProgramProject(component.Program.Value, component.Layer), ComponentDefaults.Priority, waiters, component.Scheduling, new Component
        {
            Name = component.Name.Value,
            Program = "",
            Memory = component.Memory?.Value ?? (component.Layer == ComponentLayer.Linux ? ComponentDefaults.Memory : ComponentDefaults.BareMemory),
            Flags = flags,
            Arguments = component.Arguments,
            Environment = [.. component.Environment.Select(e => $"{e.Name.Value}={e.Text.Value}")],
        });
    }

    private void Add(PlannedComponent planned, ProgramProject program, int priority, int waiters, ComponentScheduling scheduling, Component component)
    {
        bool isLinux = program.Layer == ComponentLayer.Linux;
        if (isLinux)
        {
            planned.Give(new Grant(GrantKind.File, 0, planned.ManifestFile));
            AddFile(new PlannedFile(planned.ManifestFile, null, planned.Describe()));
        }

        long period = scheduling.Period ?? ComponentDefaults.Period;
        _components.Add(component with
        {
            Program = AddProgram(program),
            Layer = isLinux ? SystemPlan.Layer : null,
            Arguments = [program.Name, .. component.Arguments],
            Environment = isLinux ? WithHeapLimit(component) : component.Environment,
            Threads = scheduling.Threads ?? (isLinux ? ComponentDefaults.Threads : 0),
            Waiters = scheduling.Waiters ?? (isLinux ? Math.Max(FewestWaiters, waiters) : waiters),
            Priority = scheduling.Priority ?? priority,
            Budget = scheduling.Budget?.Value ?? period,
            Period = period,
            Grants = planned.Grants,
        });
    }

    /// <summary>A collector that knows no limit takes memory until there is none; with one, allocations fail in time.</summary>
    private static IReadOnlyList<string> WithHeapLimit(Component component)
    {
        List<string> environment = [.. component.Environment];
        Add(HeapSettings.Limit, component.Memory / 2);
        Add(HeapSettings.Range, HeapSettings.RangeOf(component.Memory));
        return environment;

        void Add(string name, ulong value)
        {
            if (!environment.Any(e => e.StartsWith(name, StringComparison.Ordinal)))
            {
                environment.Add($"{name}={value.ToString("x", CultureInfo.InvariantCulture)}");
            }
        }
    }

    /// <summary>Programs that several components run are there once.</summary>
    private string AddProgram(ProgramProject program)
    {
        if (_programs.FirstOrDefault(p => p.Value == program) is { Key: { } known })
        {
            return known;
        }

        string name = SystemPlan.ProgramFolder + program.Name;
        for (int i = 2; name == SystemPlan.Layer || _programs.ContainsKey(name); i++)
        {
            name = $"{SystemPlan.ProgramFolder}{program.Name}-{i}";
        }

        _programs.Add(name, program);
        return name;
    }

    private void AddFile(PlannedFile file)
    {
        if (!_files.Any(f => f.Name == file.Name))
        {
            _files.Add(file);
        }
    }
}
