using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// Who answers at an address: the I/O ports of a machine, or its device memory. A device sees the offset from its first address.
/// </summary>
/// <remarks>
/// <para>Accesses come from all vCPU threads at once and take no lock: they search a sorted array that is replaced whole when devices come and go. An access that is under way while its device is removed
/// still reaches it; devices answer after they were taken off.</para>
/// <para>Nothing that a guest does here throws. Where nothing answers reads give all ones, as on a bus that is pulled up; an access that reaches over a device's end belongs to nobody.</para>
/// </remarks>
public sealed class DeviceBus : RegisterBus
{
    private readonly Lock _changes = new();
    private Entry[] _entries = [];
    private long _unanswered;

    /// <summary>Number of accesses that nobody answered.</summary>
    public long Unanswered => Interlocked.Read(ref _unanswered);

    /// <summary>Puts a device on the bus.</summary>
    /// <param name="first">Its first address.</param>
    /// <param name="length">Number of addresses.</param>
    /// <param name="device">Who answers there; it gets offsets from <paramref name="first"/>.</param>
    /// <exception cref="ArgumentException">The range is empty, wraps, or overlaps a device's.</exception>
    public void Add(ulong first, ulong length, RegisterBus device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (length == 0 || first + (length - 1) < first)
        {
            throw new ArgumentException($"{length} addresses from 0x{first:x} are none or wrap", nameof(length));
        }

        lock (_changes)
        {
            Entry[] old = _entries;
            int before = Find(old, first);
            if (before >= 0 && old[before].Last >= first)
            {
                throw Overlap(first, length, old[before]);
            }

            if (before + 1 < old.Length && old[before + 1].First <= first + (length - 1))
            {
                throw Overlap(first, length, old[before + 1]);
            }

            Volatile.Write(ref _entries, [.. old.AsSpan(0, before + 1), new Entry(first, first + (length - 1), device), .. old.AsSpan(before + 1)]);
        }
    }

    /// <summary>Takes the device off whose range starts at <paramref name="first"/>.</summary>
    /// <returns>False when there is none.</returns>
    public bool Remove(ulong first)
    {
        lock (_changes)
        {
            Entry[] old = _entries;
            int at = Find(old, first);
            if (at < 0 || old[at].First != first)
            {
                return false;
            }

            Volatile.Write(ref _entries, [.. old.AsSpan(0, at), .. old.AsSpan(at + 1)]);
            return true;
        }
    }

    /// <summary>Finds who answers an access.</summary>
    /// <param name="address">Where.</param>
    /// <param name="width">1, 2, 4 or 8 bytes.</param>
    /// <param name="offset">Offset in the device.</param>
    /// <returns>The device, or null where nobody does.</returns>
    public RegisterBus? Find(ulong address, int width, out ulong offset)
    {
        Entry[] entries = Volatile.Read(ref _entries);
        int at = Find(entries, address);
        if (at >= 0)
        {
            ref readonly Entry entry = ref entries[at];
            if (address <= entry.Last && (ulong)(width - 1) <= entry.Last - address)
            {
                offset = address - entry.First;
                return entry.Device;
            }
        }

        offset = 0;
        return null;
    }

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (Find(address, width, out ulong offset) is { } device)
        {
            return device.Read(offset, width) & RegisterWidth.Mask(width);
        }

        Interlocked.Increment(ref _unanswered);
        return RegisterWidth.Mask(width);
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (Find(address, width, out ulong offset) is { } device)
        {
            device.Write(offset, width, value & RegisterWidth.Mask(width));
            return;
        }

        Interlocked.Increment(ref _unanswered);
    }

    /// <summary>Index of the last entry that starts at or before an address, or -1.</summary>
    private static int Find(ReadOnlySpan<Entry> entries, ulong address)
    {
        int low = 0;
        int high = entries.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (entries[middle].First <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    private static ArgumentException Overlap(ulong first, ulong length, in Entry other) =>
        new($"{length} addresses from 0x{first:x} overlap 0x{other.First:x} to 0x{other.Last:x} of {other.Device.GetType().Name}", nameof(first));

    private readonly record struct Entry(ulong First, ulong Last, RegisterBus Device);
}
