using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>The addresses that functions of one bus can decode, and which of them are free.</summary>
internal sealed class BusWindows(IReadOnlyList<(ulong First, ulong Last)> windows)
{
    private const ulong Below4G = 1ul << 32;

    /// <summary>Least that a register takes, so that it can be mapped alone.</summary>
    public const ulong PageSize = 4096;

    // From below and from above 4 GiB, as not every register takes what is above.
    private readonly IovaAllocator _low = new(windows.Where(w => w.First < Below4G).Select(w => (w.First, Math.Min(w.Last, Below4G - 1))));
    private readonly IovaAllocator _high = new(windows.Where(w => w.Last >= Below4G).Select(w => (Math.Max(w.First, Below4G), w.Last)));

    /// <summary>Takes addresses for a base address register.</summary>
    /// <returns>False where there are none left.</returns>
    public bool TryAllocate(PciBar bar, out ulong address)
    {
        ulong length = Math.Max(bar.Length, PageSize);
        return _low.TryAllocate(length, length, out address) || (bar.Kind == PciBarKind.Memory64 && _high.TryAllocate(length, length, out address));
    }

    /// <summary>Takes addresses below 4 GiB for a bridge's window.</summary>
    public bool TryAllocate(ulong length, ulong alignment, out ulong address) => _low.TryAllocate(length, alignment, out address);

    /// <summary>Marks addresses that are in use already; those outside of the windows are nobody's here.</summary>
    public void Reserve(ulong address, ulong length)
    {
        _ = (address < Below4G ? _low : _high).TryReserve(address, Math.Max(length, PageSize));
    }

    /// <summary>Gives addresses of a base address register back.</summary>
    public void Free(ulong address, ulong length) => (address < Below4G ? _low : _high).Free(address, Math.Max(length, PageSize));
}
