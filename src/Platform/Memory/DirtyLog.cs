namespace Makatea.Platform;

/// <summary>
/// The bitmap in which a backend marks the guest pages that it wrote, for live migration: bit n is the page at guest address
/// n * 4096 (vhost-user, section "Migration"). Shared with the front end, which clears bits as it copies pages.
/// </summary>
public sealed class DirtyLog : IDisposable
{
    /// <summary>Size of a logged page in bytes (VHOST_LOG_PAGE).</summary>
    public const ulong PageSize = 4096;

    private readonly MappedMemory _memory;
    private readonly SharedMemory _bits;
    private readonly ulong _bytes;

    /// <summary>Takes over <paramref name="memory"/>, in which the bitmap fills <paramref name="length"/> bytes from <paramref name="offset"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The bitmap is not inside the mapping, or does not start and end at a multiple of 4 bytes, in which it is written.
    /// </exception>
    public DirtyLog(MappedMemory memory, ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, (ulong)int.MaxValue);
        ArgumentOutOfRangeException.ThrowIfNotEqual(((ulong)memory.Address + offset) & 3, 0ul, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfNotEqual(length & 3, 0ul, nameof(length));
        _memory = memory;
        _bytes = length;
        _bits = new SharedMemory(memory.Slice(offset, (int)_bytes));
    }

    /// <summary>Whether the log reaches to the page of <paramref name="guestAddress"/>.</summary>
    public bool Covers(ulong guestAddress) => guestAddress / PageSize / 8 < _bytes;

    /// <summary>Marks every page that the bytes touch. Pages beyond the log's end are passed over, as the front end asked for no more.</summary>
    public void Mark(ulong guestAddress, ulong length)
    {
        if (length == 0)
        {
            return;
        }

        ulong last = guestAddress + (length - 1);
        last = last < guestAddress ? ulong.MaxValue : last;
        ulong lastPage = Math.Min(last / PageSize, (_bytes * 8) - 1);
        for (ulong page = guestAddress / PageSize; page <= lastPage && _bytes != 0; page++)
        {
            _bits.OrByte((nuint)(page / 8), (byte)(1 << (int)(page % 8)));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
