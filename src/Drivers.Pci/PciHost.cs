using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>
/// The PCI host bridge of a machine: finds functions and hands them out. Configuration space is reached through memory where the ACPI table MCFG says, else through ports. One
/// for a machine; from any thread.
/// </summary>
public sealed class PciHost
{
    private readonly Machine _machine;
    private readonly ConfigAccess _config;
    private readonly Lock _lock = new();
    private readonly Dictionary<PciAddress, BarRegister[]> _open = [];
    private readonly Dictionary<(ushort Segment, byte Bus), BusWindows> _windows = [];
    private bool _hasScanned;

    /// <summary>Finds the way to configuration space.</summary>
    /// <exception cref="InvalidDataException">The table MCFG is broken.</exception>
    public PciHost(Machine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        _machine = machine;
        _config = ConfigAccess.Create(machine);
    }

    /// <summary>
    /// Walks all buses. Bridges that firmware left without bus numbers and window get them, so that what is behind can be opened. To be repeated after something was plugged in.
    /// </summary>
    /// <returns>All functions, ordered by address.</returns>
    public IReadOnlyList<PciFunctionInfo> Scan()
    {
        lock (_lock)
        {
            List<PciFunctionInfo> functions = [];
            _windows.Clear();
            foreach ((ushort segment, byte first, byte last) in _config.Buses)
            {
                var walk = new BusWalk(_config, segment, _machine.RegisterWindows, _open);
                walk.Run(first, last);
                functions.AddRange(walk.Functions);
                foreach ((byte bus, BusWindows windows) in walk.Windows)
                {
                    _windows[(segment, bus)] = windows;
                }
            }

            _hasScanned = true;
            return functions;
        }
    }

    /// <summary>Reads which buses are behind a bridge, by which firmware's tables name devices.</summary>
    /// <param name="bridge">Where the bridge should be.</param>
    /// <returns>The first and the last; null where there is no bridge, or none with numbers.</returns>
    public (byte Secondary, byte Subordinate)? BusesOf(PciAddress bridge)
    {
        lock (_lock)
        {
            return _config.Identify(bridge) is not null && Bridge.Is(_config, bridge) && new Bridge(_config, bridge).Buses is { Secondary: not 0 } buses ? buses : null;
        }
    }

    /// <summary>Opens a function: it is switched off, in D0, and its registers have addresses.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="dma">Where its DMA will take place; stays the caller's, and outlives the function.</param>
    /// <exception cref="IOException">There is none, it is open already, it is a bridge, or there are no addresses left for its registers.</exception>
    public PciFunction Open(PciAddress address, DmaSpace dma)
    {
        ArgumentNullException.ThrowIfNull(dma);
        if (!_hasScanned)
        {
            Scan();
        }

        lock (_lock)
        {
            if (_open.ContainsKey(address))
            {
                throw new IOException($"{address} is open already; a function has one driver");
            }

            PciIdentity identity = _config.Identify(address) ?? throw new IOException($"there is no function at {address}");
            if ((_config.Read(address, PciConfig.HeaderType, 1) & 0x7f) != 0)
            {
                throw new IOException($"{address} ({identity}) is a bridge; only functions with a header of type 0 have drivers here");
            }

            BarRegister[] bars = BarRegister.ReadAll(_config, address);
            Assign(address, bars);
            var function = new HostPciFunction(this, _machine, _config, address, identity, bars, dma);
            _open.Add(address, bars);
            return function;
        }
    }

    internal void Close(PciFunction function)
    {
        lock (_lock)
        {
            _open.Remove(function.Address);
        }
    }

    /// <summary>Finds addresses for registers that have none. They stay assigned when the function is closed.</summary>
    private void Assign(PciAddress function, BarRegister[] bars)
    {
        for (int i = 0; i < bars.Length; i++)
        {
            BarRegister bar = bars[i];
            if (bar.Bar.Kind is not (PciBarKind.Memory32 or PciBarKind.Memory64) || bar.Address != 0)
            {
                continue;
            }

            if (!_windows.TryGetValue((function.Segment, function.Bus), out BusWindows? windows) || !windows.TryAllocate(bar.Bar, out ulong address))
            {
                throw new IOException($"there are no addresses left on bus {function.Bus:x2} for the {bar.Bar.Length} bytes of base address register {i} of {function}");
            }

            bars[i] = bar with { Address = address };
        }
    }
}
