using Makatea.Drivers.Iommu.Domains;
using Makatea.Drivers.Iommu.Tables;
using Makatea.Drivers.Iommu.Units;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>
/// What the devices of one driver, or of one guest, reach. A driver's memory gets addresses by itself (<see cref="DmaSpace.Map"/>); a guest's gets those that the guest
/// knows it by (<see cref="MapAt"/>). From any thread.
/// </summary>
public sealed partial class IommuDomain : DmaSpace
{
    private const ulong Page = 4096;
    private const int TwoMiBShift = 21;
    private const int OneGiBShift = 30;
    private readonly IommuHost _host;
    private readonly SecondLevelTable _table;
    private readonly IovaSpace _addresses;
    private readonly Dictionary<PciAddress, VtdUnit> _functions = [];
    private readonly Dictionary<ulong, object?> _pins = [];

    // What a unit that failed may still read.
    private readonly List<TablePage> _quarantine = [];
    private bool _disposed;

    internal IommuDomain(IommuHost host, ushort id)
    {
        _host = host;
        Id = id;
        _addresses = new IovaSpace(host.AddressBits, host.AvoidedAddresses);
        _table = new SecondLevelTable(host.Memory, host.Levels, host.MaxPageLevel);
    }

    /// <summary>Its number in the units' tables.</summary>
    public ushort Id { get; }

    /// <inheritdoc/>
    public override bool IsProtected => true;

    /// <inheritdoc/>
    public override int AddressBits => _host.AddressBits;

    /// <inheritdoc/>
    public override int PageSize => (int)Page;

    /// <summary>The functions in it.</summary>
    public IReadOnlyList<PciAddress> Functions
    {
        get
        {
            lock (_host.Changing)
            {
                return [.. _functions.Keys.Order()];
            }
        }
    }

    internal SecondLevelTable Table => _table;

    /// <summary>
    /// Puts a function into the domain: it reaches what is mapped here. A function behind a bridge to conventional PCI sends its requests in the bridge's name; then the
    /// bridge is put in, and with it everything behind.
    /// </summary>
    /// <param name="function">The function, as its requests name it.</param>
    /// <exception cref="IommuException">It is in a domain already, no unit has it behind it, or the unit failed.</exception>
    public void Attach(PciAddress function)
    {
        lock (_host.Changing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_host.DomainOf(function) is { } other)
            {
                throw new IommuException($"{function} is in domain {other.Id} already; it is taken out there first");
            }

            VtdUnit unit = _host.UnitOf(function);
            unit.Attach(function.RequesterId, Id, _table);
            _functions.Add(function, unit);
        }
    }

    /// <summary>Takes a function out: it reaches nothing after the return. Its bus mastering was switched off before, or it runs into faults.</summary>
    /// <exception cref="IommuException">Its unit failed.</exception>
    public void Detach(PciAddress function)
    {
        lock (_host.Changing)
        {
            if (_functions.Remove(function, out VtdUnit? unit))
            {
                unit.Detach(function.RequesterId, Id);
            }
        }
    }

    /// <inheritdoc/>
    public override DmaMemory Allocate(ulong length) => Own(_host.PhysicalSpace.Allocate(length));

    internal bool Has(PciAddress function) => _functions.ContainsKey(function);

    /// <inheritdoc/>
    protected override ulong MapPages(nint address, ulong length, DmaAccess access) => MapPages(address, length, access, null);

    /// <inheritdoc/>
    protected override ulong MapMemory(MappedMemory memory, nint address, ulong length, DmaAccess access) => MapPages(address, length, access, memory);

    /// <inheritdoc/>
    protected override void UnmapPages(ulong iova, ulong length)
    {
        lock (_host.Changing)
        {
            if (!_disposed)
            {
                Unmap(iova, iova + (length - 1));
                _pins.Remove(iova, out object? pin);
                _host.Physical.Unpin(pin);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_host.Changing)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            bool isForgotten = false;
            try
            {
                foreach ((PciAddress function, VtdUnit unit) in _functions)
                {
                    unit.Detach(function.RequesterId, Id);
                }

                isForgotten = true;
                _functions.Clear();
                _table.Free();
                foreach (object? pin in _pins.Values.Concat(_fixed.Select(r => r.Pin)))
                {
                    _host.Physical.Unpin(pin);
                }
            }
            finally
            {
                // Where a unit failed, neither its number nor its tables are used again.
                _host.Forget(this, isForgotten);
            }
        }
    }

    private static ulong LargestPageOf(ulong length, int maxLevel) => maxLevel switch
    {
        3 when length >= 1ul << OneGiBShift => 1ul << OneGiBShift,
        >= 2 when length >= 1ul << TwoMiBShift => 1ul << TwoMiBShift,
        _ => Page,
    };

    private ulong MapPages(nint address, ulong length, DmaAccess access, MappedMemory? memory)
    {
        lock (_host.Changing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            object? pin = _host.Physical.Take(address, length, memory, out IReadOnlyList<(ulong Address, ulong Length)> extents);
            ulong? iova = null;
            try
            {
                if (!_addresses.TryAllocate(extents[0].Address, length, LargestPage(extents[0].Length), out ulong first))
                {
                    throw new DmaException($"there are no 0x{length:x} device addresses in a row left of the {AddressBits} bits of domain {Id}");
                }

                iova = first;
                MapExtents(first, extents, access);
                _pins[first] = pin;
                return first;
            }
            catch (Exception e) when (e is not IommuException)
            {
                // After a unit failed, it may have what was mapped: neither addresses nor memory are used again.
                if (iova is { } first)
                {
                    _addresses.Free(first, first + (length - 1));
                }

                _host.Physical.Unpin(pin);
                throw;
            }
        }
    }

    private ulong LargestPage(ulong length) => LargestPageOf(length, _host.MaxPageLevel);

    private void MapExtents(ulong iova, IReadOnlyList<(ulong Address, ulong Length)> extents, DmaAccess access)
    {
        if ((access & DmaAccess.ReadWrite) == 0)
        {
            throw new DmaException("memory that devices may neither read nor write is not mapped at all");
        }

        ulong next = iova;
        ulong last = iova + (extents.Aggregate(0ul, (sum, e) => sum + e.Length) - 1);
        try
        {
            foreach ((ulong address, ulong length) in extents)
            {
                _table.Map(next, address, length, access);
                next += length;
            }

            foreach (VtdUnit unit in _functions.Values.Distinct())
            {
                unit.Mapped(Id, iova, last);
            }
        }
        catch
        {
            Unmap(iova, last, freesAddresses: false);
            throw;
        }
    }

    private void Unmap(ulong first, ulong last, bool freesAddresses = true)
    {
        List<TablePage> retired = [];
        try
        {
            (ulong low, ulong high) = (first, last);
            try
            {
                (low, high) = _table.Unmap(first, last, retired);
            }
            catch (DmaException)
            {
                // A page may have been split.
                ForEachUnit(unit => unit.UnmappedAll(Id));
                throw;
            }

            ForEachUnit(unit => unit.Unmapped(Id, low, high));
        }
        catch (IommuException)
        {
            _quarantine.AddRange(retired);
            throw;
        }

        retired.ForEach(page => page.Dispose());
        if (freesAddresses)
        {
            _addresses.Free(first, last);
        }
    }

    private void ForEachUnit(Action<VtdUnit> action)
    {
        foreach (VtdUnit unit in _functions.Values.Distinct())
        {
            action(unit);
        }
    }
}
