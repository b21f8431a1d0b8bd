using Makatea.Drivers.Iommu.Interrupts;
using Makatea.Drivers.Iommu.Tables;
using Makatea.Drivers.Iommu.Units;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>
/// The remapping units of a machine (VT-d). From <see cref="Open"/> on, no device reaches memory or raises an interrupt, but as a <see cref="IommuDomain"/> and
/// <see cref="Remap"/> let it; that stays so after the end of the program. One for a machine; from any thread.
/// </summary>
public sealed class IommuHost : IDisposable
{
    private readonly Machine _machine;
    private readonly DmarTable _table;
    private readonly IommuOptions _options;
    private readonly VtdUnit[] _units;
    private readonly IovaAllocator _domainIds;
    private readonly List<IommuDomain> _domains = [];

    private IommuHost(Machine machine, DmarTable table, IommuOptions options)
    {
        _machine = machine;
        _table = table;
        _options = options;
        Registers.VtdCapabilities[] capabilities = [.. table.Units.Select(u => VtdUnit.ReadCapabilities(machine, u))];

        // One kind of tables for all, so that a domain can have devices behind any of them.
        Levels = capabilities.All(c => c.Has4Levels) ? 4 : 3;
        if (Levels == 3 && !capabilities.All(c => c.Has3Levels))
        {
            throw new IommuException("the machine's remapping units have no number of table levels in common (CAP.SAGAW); they are left as they are");
        }

        AddressBits = Math.Min(Levels == 4 ? 48 : 39, capabilities.Min(c => c.MaxAddressBits));
        MaxPageLevel = capabilities.Min(c => c.MaxPageLevel);
        _domainIds = new IovaAllocator([(1, (1ul << capabilities.Min(c => c.DomainIdBits)) - 1)]);
        Memory = new TableMemory(machine.Physical, capabilities.All(c => c.IsCoherent || c.CachesNotPresent));
        Physical = new Domains.PhysicalMemory(machine.Physical);
        bool remapsInterrupts = (table.Flags & DmarFlags.InterruptRemapping) != 0;
        _units = [.. table.Units.Select((u, i) => new VtdUnit(machine, u, capabilities[i], Memory, remapsInterrupts, options))];
        foreach (VtdUnit unit in _units)
        {
            unit.Enable();
        }
    }

    /// <summary>What firmware says of the units and of memory that devices are to have.</summary>
    public DmarTable Firmware => _table;

    /// <summary>Every unit remaps interrupts: a device raises only those that <see cref="Remap"/> gave to it.</summary>
    public bool ProtectsInterrupts => _units.All(u => u.Interrupts is not null);

    /// <summary>Guards everything here and in the domains; taken on the control path alone.</summary>
    internal Lock Changing { get; } = new();

    internal TableMemory Memory { get; }

    internal Domains.PhysicalMemory Physical { get; }

    internal DmaSpace PhysicalSpace => _machine.Physical;

    internal int Levels { get; }

    internal int AddressBits { get; }

    internal int MaxPageLevel { get; }

    /// <summary>Addresses that are not given out by themselves.</summary>
    internal IEnumerable<(ulong First, ulong Last)> AvoidedAddresses =>
        _table.ReservedRegions.Select(r => (r.First, r.Last)).Concat(_machine.RegisterWindows).Append((InterruptTarget.First, InterruptTarget.Last));

    /// <summary>Takes the units into use: translation is on, and every device behind them is off.</summary>
    /// <param name="machine">The machine; stays the caller's and outlives the host.</param>
    /// <param name="options">How.</param>
    /// <exception cref="IommuException">There are no units, or they cannot be used; the message says why. Devices are unprotected.</exception>
    /// <exception cref="InvalidDataException">What firmware says of them is broken; the message says how.</exception>
    public static IommuHost Open(Machine machine, IommuOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        options ??= new();
        if (options.InterruptEntries is < 256 or > 65536 || !int.IsPow2(options.InterruptEntries))
        {
            throw new ArgumentException($"{options.InterruptEntries} interrupt entries; powers of two from 256 to 65536 are possible", nameof(options));
        }

        DmarTable? table = DmarTable.Find(machine.AcpiTables);
        if (table is null)
        {
            throw new IommuException(AcpiTable.Find(machine.AcpiTables, "IVRS") is { } amd
                ? IvrsTable.Describe(amd)
                : "this machine has no IOMMU that its firmware tells of (no ACPI table DMAR or IVRS): devices are unprotected. If it has VT-d, switch it on in the firmware's settings");
        }

        return new IommuHost(machine, table, options);
    }

    /// <summary>Makes a domain that nothing is mapped in and no device is in.</summary>
    /// <exception cref="IommuException">The units have no more domains.</exception>
    /// <exception cref="DmaException">There is no memory for its tables.</exception>
    public IommuDomain CreateDomain()
    {
        lock (Changing)
        {
            if (!_domainIds.TryAllocate(1, 1, out ulong id))
            {
                throw new IommuException($"all domains of the machine's remapping units are in use ({_domains.Count})");
            }

            try
            {
                var domain = new IommuDomain(this, (ushort)id);
                _domains.Add(domain);
                return domain;
            }
            catch
            {
                _domainIds.Free(id, 1);
                throw;
            }
        }
    }

    /// <summary>Lets a function, and no other, raise an interrupt.</summary>
    /// <param name="function">The function, as its requests name it.</param>
    /// <param name="message">What the machine made for it. It goes with the result.</param>
    /// <returns>What to program into the function. A message that is a write to memory stays what it is: its domain guards it.</returns>
    /// <exception cref="IommuException">No unit has the function, or its unit cannot remap interrupts or has none left.</exception>
    public InterruptMessage Remap(PciAddress function, InterruptMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (!InterruptTarget.IsInterruptAddress(message.Address))
        {
            return message;
        }

        VtdUnit unit = UnitOf(function);
        if (unit.Interrupts is null)
        {
            return _options.AllowUnprotectedInterrupts ? message : throw new IommuException(
                $"{function} could raise any interrupt of any processor: its remapping unit has no interrupt remapping, or firmware does not allow it. IommuOptions.AllowUnprotectedInterrupts lets it");
        }

        var target = InterruptTarget.Decode(message.Address, message.Data);
        lock (Changing)
        {
            ushort index = unit.Interrupts.Add(function.RequesterId, target);
            unit.InterruptChanged(index);
            return new RemappedMessage(this, unit, index, message);
        }
    }

    /// <summary>Takes what the units blocked since the last call.</summary>
    /// <returns>True where they blocked more than they could record.</returns>
    public bool TakeFaults(ICollection<IommuFault> faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        bool lost = false;
        lock (Changing)
        {
            foreach (VtdUnit unit in _units)
            {
                lost |= unit.Faults.Take(faults);
            }
        }

        return lost;
    }

    /// <summary>Has the units send a message when they block something after <see cref="TakeFaults"/> found nothing more.</summary>
    /// <param name="message">A message to a processor; stays the caller's.</param>
    public void SetFaultMessage(InterruptMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        lock (Changing)
        {
            foreach (VtdUnit unit in _units)
            {
                unit.Faults.SetMessage(message);
            }
        }
    }

    /// <summary>Ends all domains. The units stay on, and every device behind them off: their tables stay in memory.</summary>
    public void Dispose()
    {
        foreach (IommuDomain domain in _domains.ToArray())
        {
            domain.Dispose();
        }
    }

    internal VtdUnit UnitOf(PciAddress function) => DmarUnit.FindFor(_table.Units, function, _options.Bridges) is { } found
        ? _units.First(u => u.Description == found)
        : throw new IommuException($"no remapping unit has {function} behind it, by what firmware says (ACPI table DMAR): it is unprotected");

    internal bool IsIn(ReservedRegion region, PciAddress function) => region.Scopes.Any(s => s.Covers(function, _options.Bridges));

    internal IommuDomain? DomainOf(PciAddress function) => _domains.Find(d => d.Has(function));

    internal void Forget(IommuDomain domain, bool idIsFree)
    {
        _domains.Remove(domain);
        if (idIsFree)
        {
            _domainIds.Free(domain.Id, 1);
        }
    }

    internal void Release(VtdUnit unit, ushort index)
    {
        lock (Changing)
        {
            // An entry that the unit may still have is not used again: after a failure this throws before it is free.
            unit.Interrupts!.Clear(index);
            unit.InterruptChanged(index);
            unit.Interrupts.Free(index);
        }
    }
}
