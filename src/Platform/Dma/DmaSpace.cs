using System.Runtime.CompilerServices;

namespace Makatea.Platform;

/// <summary>
/// An address space in which devices do DMA: an IOMMU domain of the functions that were put into it. A device reaches what is mapped here; where
/// <see cref="IsProtected"/>, it reaches nothing else. Device addresses are called IOVA, whether something translates them or not.
/// </summary>
/// <remarks>
/// Mapping is control path and may be done by any thread. <see cref="TryTranslate"/> is data path: it takes no lock and allocates nothing.
/// Who unmaps memory has first seen to it that no request in a device names it.
/// </remarks>
public abstract class DmaSpace : IDisposable
{
    private readonly Lock _changing = new();
    private DmaMapping[] _mappings = [];

    /// <summary>An IOMMU keeps the devices to what is mapped.</summary>
    public abstract bool IsProtected { get; }

    /// <summary>Highest IOVA plus one is two to this many bits, at most 64.</summary>
    public abstract int AddressBits { get; }

    /// <summary>Smallest unit of a mapping in bytes: a power of two.</summary>
    public abstract int PageSize { get; }

    /// <summary>What is mapped.</summary>
    public IReadOnlyList<DmaMapping> Mappings => Volatile.Read(ref _mappings);

    /// <summary>Makes zeroed memory that is mapped here for reading and writing, with consecutive IOVAs: rings and buffers of a driver.</summary>
    /// <param name="length">Length in bytes; rounded up to pages.</param>
    /// <exception cref="DmaException">There is no memory or no address for it.</exception>
    public abstract DmaMemory Allocate(ulong length);

    /// <summary>
    /// Maps memory that was mapped into this component. Devices reach whole pages: the mapping is widened to the pages that hold its ends, which belong to the same
    /// object.
    /// </summary>
    /// <exception cref="DmaException">It cannot be reached by devices, overlaps what is mapped already, or there is no address for it.</exception>
    public DmaMapping Map(MappedMemory memory, DmaAccess access)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ulong mask = (ulong)PageSize - 1;
        ulong first = (ulong)memory.Address & ~mask;
        ulong end = ((ulong)memory.Address + memory.Length + mask) & ~mask;
        return Add((nint)first, end - first, access, memory);
    }

    /// <summary>
    /// Finds the IOVA of <paramref name="length"/> bytes of this component's memory.
    /// </summary>
    /// <param name="address">Host virtual address.</param>
    /// <param name="length">Length in bytes, not 0.</param>
    /// <param name="hint">Which mapping was found last, kept by the caller for the next call; start with 0. Any value is allowed.</param>
    /// <param name="iova">The device's address of the first byte; the others follow.</param>
    /// <returns>False where not all of it lies in one mapping.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(nint address, int length, ref int hint, out ulong iova)
    {
        DmaMapping[] mappings = Volatile.Read(ref _mappings);
        if ((uint)hint < (uint)mappings.Length && mappings[hint].TryTranslate(address, length, out iova))
        {
            return true;
        }

        return TrySearch(mappings, address, length, ref hint, out iova);
    }

    /// <summary>Ends the space: nothing is mapped any more. The functions in it have been switched off.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the space.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Makes <paramref name="length"/> bytes at <paramref name="address"/>, whole pages, reachable.</summary>
    /// <returns>The IOVA of the first byte; the others follow.</returns>
    /// <exception cref="DmaException">It cannot be done.</exception>
    protected abstract ulong MapPages(nint address, ulong length, DmaAccess access);

    /// <summary>Makes memory reachable of which whoever does it has to know the object; by default its pages.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">First of the pages that hold it.</param>
    /// <param name="length">Their length in bytes.</param>
    /// <param name="access">What devices may do.</param>
    /// <returns>The IOVA of the first byte of the pages; the others follow.</returns>
    /// <exception cref="DmaException">It cannot be done.</exception>
    protected virtual ulong MapMemory(MappedMemory memory, nint address, ulong length, DmaAccess access) => MapPages(address, length, access);

    /// <summary>Makes what <see cref="MapPages"/> mapped unreachable. No device reaches it after the return.</summary>
    protected abstract void UnmapPages(ulong iova, ulong length);

    /// <summary>Maps whole pages of this component's address space.</summary>
    /// <exception cref="DmaException">It cannot be done.</exception>
    protected DmaMapping Add(nint address, ulong length, DmaAccess access) => Add(address, length, access, null);

    /// <summary>Takes over memory, whole pages, and maps it for reading and writing: what <see cref="Allocate"/> returns.</summary>
    /// <exception cref="DmaException">It cannot be mapped; then it is disposed.</exception>
    protected DmaMemory Own(MappedMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        try
        {
            return new OwnedDmaMemory(memory, Map(memory, DmaAccess.ReadWrite));
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    internal void Remove(DmaMapping mapping)
    {
        lock (_changing)
        {
            if (Array.IndexOf(_mappings, mapping) < 0)
            {
                return;
            }

            Volatile.Write(ref _mappings, [.. _mappings.Where(m => m != mapping)]);
            UnmapPages(mapping.Iova, mapping.Length);
        }
    }

    private DmaMapping Add(nint address, ulong length, DmaAccess access, MappedMemory? memory)
    {
        lock (_changing)
        {
            DmaMapping[] old = _mappings;
            if (Array.Find(old, m => (ulong)address < (ulong)m.Address + m.Length && (ulong)m.Address < (ulong)address + length) is { } other)
            {
                throw new DmaException($"0x{length:x} bytes at 0x{address:x} overlap the 0x{other.Length:x} at 0x{other.Address:x} that are mapped for devices already");
            }

            ulong iova = memory is null ? MapPages(address, length, access) : MapMemory(memory, address, length, access);
            var mapping = new DmaMapping(this, address, length, iova, access);
            Volatile.Write(ref _mappings, [.. old.Append(mapping).OrderBy(m => (ulong)m.Address)]);
            return mapping;
        }
    }

    private static bool TrySearch(DmaMapping[] mappings, nint address, int length, ref int hint, out ulong iova)
    {
        int low = 0;
        int high = mappings.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            DmaMapping mapping = mappings[middle];
            if ((ulong)address < (ulong)mapping.Address)
            {
                high = middle - 1;
            }
            else if ((ulong)address - (ulong)mapping.Address >= mapping.Length)
            {
                low = middle + 1;
            }
            else
            {
                hint = middle;
                return mapping.TryTranslate(address, length, out iova);
            }
        }

        iova = 0;
        return false;
    }
}
