using System.Numerics;
using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>
/// Walks the buses of a segment, depth first. Bridges keep the bus numbers and windows that firmware gave them; those without get both here, as none is
/// there where no firmware ran. A bridge that names a bus which cannot be behind it is not followed.
/// </summary>
/// <param name="config">Configuration space.</param>
/// <param name="segment">The segment.</param>
/// <param name="windows">Free addresses of its root bus.</param>
/// <param name="inUse">Registers of functions that are open, and not to be disturbed by sizing them.</param>
internal sealed class BusWalk(
    ConfigAccess config, ushort segment, IReadOnlyList<(ulong First, ulong Last)> windows, IReadOnlyDictionary<PciAddress, BarRegister[]> inUse)
{
    private const int DevicesPerBus = 32;
    private const int FunctionsPerDevice = 8;
    private const uint SeveralFunctions = 0x80;

    // What is plugged in later finds room here.
    private const ulong RoomForMore = 4 * Bridge.WindowUnit;

    private readonly bool[] _walked = new bool[256];
    private readonly List<(PciAddress Bridge, byte Secondary)> _numbered = [];
    private int _lastBus;

    /// <summary>What was found, in the order of addresses.</summary>
    public List<PciFunctionInfo> Functions { get; } = [];

    /// <summary>Free addresses by bus.</summary>
    public Dictionary<byte, BusWindows> Windows { get; } = [];

    /// <summary>Walks from the root bus on.</summary>
    public void Run(byte first, byte last)
    {
        _lastBus = Present(first).Where(f => Bridge.Is(config, f)).Select(f => (int)new Bridge(config, f).Buses.Subordinate).Append(first).Max();
        Windows[first] = new BusWindows(windows);
        Walk(first, last, null, []);
        Functions.Sort((a, b) => a.Address.CompareTo(b.Address));
        foreach ((PciAddress bridge, byte secondary) in _numbered.Where(n => _numbered.All(other => other.Secondary != n.Bridge.Bus)))
        {
            OpenWindow(bridge, secondary);
        }
    }

    private void Walk(byte bus, byte last, PciAddress? bridge, IReadOnlyList<PciAddress> aliases)
    {
        _walked[bus] = true;
        foreach (PciAddress address in Present(bus))
        {
            bool isBridge = Bridge.Is(config, address);
            byte? secondary = isBridge ? Follow(address, last, aliases) : null;
            if (config.Identify(address) is { } identity)
            {
                Functions.Add(new PciFunctionInfo(address, identity, bridge, secondary) { Requesters = [address, .. aliases.Where(a => a != address)] });
            }

            // What was assigned before is taken: by firmware, or by somebody who walked here earlier.
            if (!isBridge && HasAddress(address))
            {
                foreach (BarRegister bar in Memory(address).Where(b => b.Address != 0))
                {
                    Windows[bus].Reserve(bar.Address, bar.Bar.Length);
                }
            }
        }
    }

    private IEnumerable<BarRegister> Memory(PciAddress function) =>
        (inUse.TryGetValue(function, out BarRegister[]? bars) ? bars : BarRegister.ReadAll(config, function))
        .Where(b => b.Bar.Kind is PciBarKind.Memory32 or PciBarKind.Memory64);

    private List<PciAddress> Present(byte bus)
    {
        List<PciAddress> present = [];
        for (byte device = 0; device < DevicesPerBus; device++)
        {
            var first = new PciAddress(segment, bus, device, 0);
            if (config.Identify(first) is null)
            {
                continue;
            }

            present.Add(first);
            int functions = (config.Read(first, PciConfig.HeaderType, 1) & SeveralFunctions) != 0 ? FunctionsPerDevice : 1;
            for (byte function = 1; function < functions; function++)
            {
                PciAddress other = first with { Function = function };
                if (config.Identify(other) is not null)
                {
                    present.Add(other);
                }
            }
        }

        return present;
    }

    private bool HasAddress(PciAddress function) =>
        Enumerable.Range(0, BarRegister.Count).Any(i => (config.Read(function, PciConfig.Bar0 + (i * 4), 4) & ~0xfu) != 0);

    private byte? Follow(PciAddress address, byte last, IReadOnlyList<PciAddress> aliases)
    {
        var bridge = new Bridge(config, address);
        (byte secondary, byte subordinate) = bridge.Buses;
        if (secondary == 0)
        {
            return Number(bridge, address, last, aliases);
        }

        if (secondary <= address.Bus || subordinate < secondary || subordinate > last || _walked[secondary])
        {
            return null;
        }

        Windows[secondary] = new BusWindows(bridge.Window);
        Walk(secondary, subordinate, address, Behind(bridge, aliases));
        return secondary;
    }

    private byte? Number(Bridge bridge, PciAddress address, byte last, IReadOnlyList<PciAddress> aliases)
    {
        int secondary = _lastBus + 1;
        if (secondary > last || _walked[secondary])
        {
            return null;
        }

        // Everything up to the last bus goes through it until those behind have their numbers.
        _lastBus = secondary;
        bridge.SetBuses(address.Bus, (byte)secondary, last);
        Windows[(byte)secondary] = new BusWindows([]);
        _numbered.Add((address, (byte)secondary));
        Walk((byte)secondary, last, address, Behind(bridge, aliases));
        bridge.SetBuses(address.Bus, (byte)secondary, (byte)_lastBus);
        return (byte)secondary;
    }

    /// <summary>The names that requests take on behind a bridge: its own is given to what comes from there, and those of the bridges before it after that.</summary>
    private static IReadOnlyList<PciAddress> Behind(Bridge bridge, IReadOnlyList<PciAddress> aliases) => bridge.Alias is { } alias ? [alias, .. aliases] : aliases;

    /// <summary>Gives a bridge a window for what is behind it, and the bridges behind it theirs within.</summary>
    private void OpenWindow(PciAddress bridge, byte secondary)
    {
        ulong length = RoomBehind(secondary);
        ulong alignment = Math.Max(Bridge.WindowUnit, 1ul << (63 - BitOperations.LeadingZeroCount(length)));
        if (!Windows[bridge.Bus].TryAllocate(length, alignment, out ulong first))
        {
            return;
        }

        new Bridge(config, bridge).Open(first, first + (length - 1));
        Windows[secondary] = new BusWindows([(first, first + (length - 1))]);
        foreach ((PciAddress inner, byte behind) in _numbered.Where(n => n.Bridge.Bus == secondary))
        {
            OpenWindow(inner, behind);
        }
    }

    private ulong RoomBehind(byte bus)
    {
        ulong functions = Functions.Where(f => f.Address.Bus == bus && !f.IsBridge).SelectMany(f => Memory(f.Address))
            .Aggregate(0ul, (sum, b) => sum + Math.Max(b.Bar.Length, BusWindows.PageSize));
        ulong bridges = _numbered.Where(n => n.Bridge.Bus == bus).Aggregate(0ul, (sum, n) => sum + RoomBehind(n.Secondary));
        return ((functions + Bridge.WindowUnit - 1) & ~(Bridge.WindowUnit - 1)) + bridges + RoomForMore;
    }
}
