using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// The memory of a test guest: one or more regions, and an allocator of guest addresses in them. Allocations are never freed one by one;
/// a driver allocates what it needs at start, as a guest's does.
/// </summary>
public sealed class GuestArena : IDisposable
{
    private readonly GuestRange[] _ranges;
    private readonly ulong[] _allocated;
    private readonly Grant[] _grants;
    private readonly MappedMemory[] _mappings;

    /// <summary>Makes memory within this process, for a device in the same process. It has canaries around each region.</summary>
    public GuestArena(params ReadOnlySpan<GuestRange> ranges)
        : this(null, ranges)
    {
    }

    /// <summary>Makes memory that can be granted to a device elsewhere; with guard pages around it where the host's mappings have them.</summary>
    public GuestArena(ComponentHost? host, params ReadOnlySpan<GuestRange> ranges)
    {
        _ranges = [.. ranges];
        _allocated = new ulong[_ranges.Length];
        _grants = new Grant[host is null ? 0 : _ranges.Length];
        _mappings = new MappedMemory[_ranges.Length];
        var regions = new GuestMemoryRegion[_ranges.Length];
        for (int i = 0; i < _ranges.Length; i++)
        {
            GuestRange range = _ranges[i];
            _mappings[i] = host is null ? new LocalMemory(range.Length) : (_grants[i] = host.CreateMemory($"guest{i}", range.Length)).Map(0, range.Length, MemoryAccess.ReadWrite);
            regions[i] = new GuestMemoryRegion(range.Address, (ulong)_mappings[i].Address, range.Length, _mappings[i], 0);
        }

        Memory = new GuestMemory(regions);
    }

    /// <summary>The regions as a device sees them.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The regions in the order in which they were asked for.</summary>
    public IReadOnlyList<GuestRange> Ranges => _ranges;

    /// <summary>What to hand to a device elsewhere, for each of <see cref="Ranges"/>; empty where the memory is of this process alone.</summary>
    public IReadOnlyList<Grant> Grants => _grants;

    /// <summary>Takes memory that nobody else was given. It is zeroed.</summary>
    /// <param name="length">Length in bytes.</param>
    /// <param name="alignment">Alignment of the guest address in bytes, a power of two.</param>
    /// <param name="region">Index in <see cref="Ranges"/>.</param>
    /// <exception cref="OutOfMemoryException">The region is full.</exception>
    public GuestBuffer Allocate(int length, int alignment = 16, int region = 0)
    {
        GuestRange range = _ranges[region];
        ulong mask = (ulong)alignment - 1;
        ulong start = ((range.Address + _allocated[region] + mask) & ~mask) - range.Address;
        if (start > range.Length || (ulong)length > range.Length - start)
        {
            throw new OutOfMemoryException($"{length} bytes do not fit the test guest's region at 0x{range.Address:x}: {_allocated[region]} of {range.Length} are taken");
        }

        _allocated[region] = start + (ulong)length;
        return new GuestBuffer(range.Address + start, _mappings[region].Slice(start, length));
    }

    /// <summary>The memory at an address, allocated or not.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not within one region.</exception>
    public GuestBuffer At(ulong address, int length)
    {
        if (!Memory.TryTranslate(address, length, MemoryAccess.None, out MemorySegment segment))
        {
            throw new ArgumentOutOfRangeException(nameof(address), $"{length} bytes at 0x{address:x} are not within one region of the test guest");
        }

        return new GuestBuffer(address, segment);
    }

    /// <summary>The front end's own address of guest memory, by which vhost-user names rings.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not within one region.</exception>
    public ulong UserAddress(ulong guestAddress) => (ulong)At(guestAddress, 1).Segment.Address;

    /// <summary>Checks that nobody wrote around the regions; nothing is known of memory that a host made.</summary>
    /// <exception cref="InvalidOperationException">Somebody did.</exception>
    public void CheckCanaries()
    {
        foreach (LocalMemory mapping in _mappings.OfType<LocalMemory>())
        {
            mapping.CheckCanaries();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _mappings.Concat<IDisposable>(_grants))
        {
            owned.Dispose();
        }
    }
}
