using Makatea.Drivers.Iommu.Domains;
using Makatea.Drivers.Iommu.Interrupts;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <content>Memory at addresses of the caller's choice.</content>
public sealed partial class IommuDomain
{
    private readonly List<FixedRange> _fixed = [];

    /// <summary>Maps memory at addresses of the caller's choice, which must be free: a guest's memory, by the guest's addresses.</summary>
    /// <param name="iova">First device address.</param>
    /// <param name="memory">Whole pages. Stays mapped in this component until <see cref="UnmapAt"/>.</param>
    /// <param name="access">What devices may do.</param>
    /// <exception cref="DmaException">The addresses are taken, beyond the domain, no pages, or those of interrupts; or there is no memory for tables.</exception>
    public void MapAt(ulong iova, MappedMemory memory, DmaAccess access)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (((ulong)memory.Address & (Page - 1)) != 0)
        {
            throw new DmaException($"memory at 0x{memory.Address:x} does not start with a page");
        }

        lock (_host.Changing)
        {
            CheckRange(iova, memory.Length);
            object? pin = _host.Physical.Take(memory.Address, memory.Length, memory, out IReadOnlyList<(ulong, ulong)> extents);
            try
            {
                MapFixed(iova, memory.Length, extents, access, pin);
            }
            catch (Exception e) when (e is not IommuException)
            {
                _host.Physical.Unpin(pin);
                throw;
            }
        }
    }

    /// <summary>Takes addresses out that <see cref="MapAt"/> mapped, or a part of them. No device reaches them after the return.</summary>
    /// <exception cref="DmaException">They are not all of one mapping, or there is no memory to split a large page; all is mapped as before.</exception>
    /// <exception cref="IommuException">A unit failed.</exception>
    public void UnmapAt(ulong iova, ulong length)
    {
        lock (_host.Changing)
        {
            CheckRange(iova, length);
            FixedRange range = _fixed.Find(r => r.Has(iova, length)) ?? throw new DmaException($"0x{length:x} addresses at 0x{iova:x} are not all mapped, or not by one call");
            Unmap(iova, iova + (length - 1));
            if (range.Remove(iova, length))
            {
                _fixed.Remove(range);
                _host.Physical.Unpin(range.Pin);
            }
        }
    }

    /// <summary>Maps the memory that firmware reserves for a function, at its physical addresses. What is mapped already stays.</summary>
    /// <returns>How many regions there are.</returns>
    /// <exception cref="DmaException">Such addresses are taken.</exception>
    public int MapReservedRegions(PciAddress function)
    {
        lock (_host.Changing)
        {
            ReservedRegion[] regions = [.. _host.Firmware.ReservedRegions.Where(r => _host.IsIn(r, function))];
            foreach (ReservedRegion region in regions)
            {
                ulong length = region.Last - region.First + 1;
                if (!_fixed.Exists(r => r.Has(region.First, length) && ReferenceEquals(r.Pin, region)))
                {
                    CheckRange(region.First, length);
                    MapFixed(region.First, length, [(region.First, length)], DmaAccess.ReadWrite, region);
                }
            }

            return regions.Length;
        }
    }

    /// <summary>Maps physical memory at addresses of the caller's choice.</summary>
    /// <param name="iova">First device address.</param>
    /// <param name="length">Whole pages.</param>
    /// <param name="extents">Where it is.</param>
    /// <param name="access">What devices may do.</param>
    /// <param name="pin">What keeps it in its place.</param>
    internal void MapFixed(ulong iova, ulong length, IReadOnlyList<(ulong Address, ulong Length)> extents, DmaAccess access, object? pin)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ulong last = iova + (length - 1);
        if (!_table.IsFree(iova, last) || !_addresses.TryReserve(iova, last))
        {
            throw new DmaException($"of the 0x{length:x} addresses at 0x{iova:x} some are mapped already");
        }

        try
        {
            MapExtents(iova, extents, access);
        }
        catch (Exception e) when (e is not IommuException)
        {
            _addresses.Free(iova, last);
            throw;
        }

        _fixed.Add(new FixedRange(iova, length, pin));
    }

    private void CheckRange(ulong iova, ulong length)
    {
        ulong last = iova + (length - 1);
        if (length == 0 || ((iova | length) & (Page - 1)) != 0 || last < iova || last >> AddressBits != 0)
        {
            throw new DmaException($"0x{length:x} addresses at 0x{iova:x} are not possible: whole pages of the {AddressBits} bits of domain {Id} are");
        }

        if (iova <= InterruptTarget.Last && last >= InterruptTarget.First)
        {
            throw new DmaException($"0x{length:x} addresses at 0x{iova:x} have some of those that are interrupts on this machine (0x{InterruptTarget.First:x} to 0x{InterruptTarget.Last:x})");
        }
    }
}
