using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>The rights of a component on seL4: what the root task told it of, found by the name that it has in the manifest.</summary>
public sealed class Sel4Grants : ComponentGrants
{
    private readonly KernelGate _gate;
    private readonly ComponentTable _table;
    private readonly WaiterPool _waiters;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ChannelPeer> _peers = [];

    internal Sel4Grants(KernelGate gate, ComponentTable table, WaiterPool waiters)
    {
        _gate = gate;
        _table = table;
        _waiters = waiters;
    }

    /// <summary>None.</summary>
    public override IReadOnlyCollection<string> FileOptions => [];

    /// <inheritdoc/>
    public override Grant Open(ManifestGrant grant)
    {
        ArgumentNullException.ThrowIfNull(grant);
        return grant.Type switch
        {
            GrantType.Region => new RegionGrant(_table.Find(GrantKind.Region, grant.Name), null),
            GrantType.Doorbell => new DoorbellGrant(_gate, _table.TryFind(GrantKind.Ring, grant.Name) ?? _table.Find(GrantKind.Hear, grant.Name)),
            GrantType.Channel => new ChannelGrant(Peer(grant.Name)),
            _ => throw new GrantException($"grant '{grant.Name}' ({grant.Type}) is neither memory, a doorbell nor a channel"),
        };
    }

    /// <inheritdoc/>
    public override BlockDevice OpenFile(ManifestGrant grant, IReadOnlyDictionary<string, string> options)
    {
        Require(grant, GrantType.File);
        return new ArchiveDevice(OpenArchiveFile(grant.Name));
    }

    /// <inheritdoc/>
    public override PciFunction OpenFunction(ManifestGrant grant)
    {
        Require(grant, GrantType.Function);
        return new Sel4PciFunction(_gate, _table, _table.Find(GrantKind.Function, grant.Name));
    }

    /// <inheritdoc/>
    public override ChannelListener OpenListener(ManifestGrant grant)
    {
        Require(grant, GrantType.Listener);
        return new RegionListener(Peer(grant.Name));
    }

    /// <summary>The functions that the component has, as grants.</summary>
    public IEnumerable<ManifestGrant> Functions => _table.Grants.Where(g => g.Kind == GrantKind.Function).Select(g => new ManifestGrant(g.Name, GrantType.Function, (int)g.Number));

    /// <summary>Length of a region in bytes.</summary>
    /// <exception cref="GrantException">The component does not have it.</exception>
    public ulong LengthOf(string region) => _table.Find(GrantKind.Region, region).Length;

    /// <summary>A file of the archive, to be read.</summary>
    /// <exception cref="GrantException">The component does not have it.</exception>
    public MappedMemory OpenArchiveFile(string name)
    {
        GrantEntry file = _table.Find(GrantKind.File, name);
        return RegionMemory.Map(file, 0, file.Length, MemoryAccess.Read, null);
    }

    /// <summary>I/O ports.</summary>
    /// <returns>The space, which starts with the first of them.</returns>
    /// <exception cref="GrantException">The component does not have them.</exception>
    public RegisterSpace OpenPorts(string name)
    {
        GrantEntry ports = _table.Find(GrantKind.Ports, name);
        return RegisterSpace.OnBus(new PortBus(_gate, ports), ports.Value, ports.Length);
    }

    /// <summary>Registers of a device by physical address.</summary>
    /// <exception cref="GrantException">The component does not have them.</exception>
    public RegisterSpace OpenRegisters(string name)
    {
        GrantEntry registers = _table.Find(GrantKind.Registers, name);
        return RegisterSpace.UnsafeCreate(registers.Address, registers.Length);
    }

    /// <summary>The interrupt of a pin. It rings once, and again after <see cref="PciInterrupts.Rearm"/>.</summary>
    /// <exception cref="GrantException">The component does not have it.</exception>
    public PciInterrupts OpenPin(string name)
    {
        GrantEntry pin = _table.Find(GrantKind.PinInterrupt, name);
        return new PciInterrupts(PciInterruptKind.Pin, [Sel4Doorbell.Heard(_gate, pin.Kind, pin.Number)]) { Unmask = () => _gate.Acknowledge(pin.Slot) };
    }

    /// <summary>A guest: a virtual machine with one processor, whose memory is a region that the component has, too.</summary>
    /// <exception cref="GrantException">The component does not have it, or not its memory.</exception>
    public VirtualMachine OpenGuest(string name) => new Sel4VirtualMachine(_gate, _table, _table.Find(GrantKind.Guest, name));

    /// <summary>The region that is a guest's memory.</summary>
    /// <exception cref="GrantException">The component does not have it.</exception>
    public MappedMemory OpenGuestMemory(string name)
    {
        ulong number = _table.Find(GrantKind.Guest, name).Number;
        GrantEntry region = _table.Grants.FirstOrDefault(g => g.Kind == GrantKind.Region && g.Number == number)
            ?? throw new GrantException($"component '{_table.Name}' has guest '{name}', and not its memory");
        return RegionMemory.Map(region, 0, region.Length, MemoryAccess.ReadWrite, null);
    }

    /// <summary>What is shared over a channel: the same for all sessions of it.</summary>
    private ChannelPeer Peer(string name)
    {
        lock (_lock)
        {
            if (!_peers.TryGetValue(name, out ChannelPeer? peer))
            {
                _peers.Add(name, peer = new ChannelPeer(name, _gate, _table, _waiters));
            }

            return peer;
        }
    }
}
