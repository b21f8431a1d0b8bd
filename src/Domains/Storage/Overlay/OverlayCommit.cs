using System.Numerics;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Which pages of a kept overlay's map are ahead of the storage, and the one commit at a time that brings them there. A commit copies pages of the map, flushes the data
/// that their bits stand for, writes the copies, and flushes again; whoever waits for it was promised nothing before.
/// </summary>
internal sealed class OverlayCommit : IDisposable
{
    private const int MaxStaged = 256;

    private readonly GrainMap _map;
    private readonly int _pageSize;
    private readonly long _grainsPerPage;
    private readonly ulong[] _dirty;
    private readonly ulong[] _committing;
    private readonly NativeArray<byte> _staging;
    private readonly int[] _staged = new int[MaxStaged];
    private int _next;
    private int _anyDirty;
    private int _busy;

    public OverlayCommit(GrainMap map, OverlayFormat format)
    {
        _map = map;
        _pageSize = format.PageSize;
        _grainsPerPage = format.PageSize * 8L;
        int pages = (int)(format.MapLength / format.PageSize);
        _dirty = new ulong[(pages + 63) / 64];
        _committing = new ulong[_dirty.Length];
        _staging = new NativeArray<byte>(Math.Min(MaxStaged, pages) * format.PageSize);
    }

    /// <summary>Numbers of the pages that are staged, ascending.</summary>
    public ReadOnlySpan<int> Staged => _staged.AsSpan(0, StagedCount);

    private int StagedCount { get; set; }

    /// <summary>
    /// Whether a flush has to commit, or wait for a commit: some page is ahead of the storage. Read in this order: whoever clears the one has set the other.
    /// </summary>
    public bool IsNeeded => Volatile.Read(ref _anyDirty) != 0 || Volatile.Read(ref _busy) != 0;

    /// <summary>To be called after grains were added to the map and before anybody is told.</summary>
    public void MarkDirty(long firstGrain, long grains)
    {
        for (long page = firstGrain / _grainsPerPage; page <= (firstGrain + grains - 1) / _grainsPerPage; page++)
        {
            ref ulong word = ref _dirty[page >> 6];
            ulong bit = 1ul << (int)page;

            // Adding to the map was a full fence: a bit seen set here is cleared, if at all, before the page is copied with our grains.
            if ((Volatile.Read(ref word) & bit) == 0)
            {
                Interlocked.Or(ref word, bit);
            }
        }

        if (Volatile.Read(ref _anyDirty) == 0)
        {
            Interlocked.Exchange(ref _anyDirty, 1);
        }
    }

    /// <summary>Becomes the one that commits.</summary>
    public bool TryBegin()
    {
        if (Volatile.Read(ref _busy) != 0 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            return false;
        }

        Interlocked.Exchange(ref _anyDirty, 0);
        _next = 0;
        return true;
    }

    /// <summary>Copies the next pages that are ahead, so many as fit. Goes over the map once, so a commit ends whatever is written meanwhile.</summary>
    /// <returns>False where there are no more.</returns>
    public bool Stage()
    {
        StagedCount = 0;
        int most = _staging.Length / _pageSize;
        while (_next < _dirty.Length * 64 && StagedCount < most)
        {
            ulong ahead = Volatile.Read(ref _dirty[_next >> 6]) >> _next;
            if (ahead == 0)
            {
                _next = (_next | 63) + 1;
                continue;
            }

            _next += BitOperations.TrailingZeroCount(ahead);
            ulong bit = 1ul << _next;

            // Cleared before the copy is made (a full fence): a grain that is added later marks the page again.
            Interlocked.And(ref _dirty[_next >> 6], ~bit);
            _committing[_next >> 6] |= bit;
            _map.CopyTo((long)_next * _pageSize, _staging.AsSpan(StagedCount * _pageSize, _pageSize));
            _staged[StagedCount++] = _next++;
        }

        return StagedCount != 0;
    }

    /// <summary>Copies of staged pages.</summary>
    public MemorySegment Copies(int first, int count) => _staging.AsSegment(first * _pageSize, count * _pageSize);

    /// <summary>Ends the commit. Where it failed, its pages are ahead still.</summary>
    public void End(bool succeeded)
    {
        for (int i = 0; i < _committing.Length; i++)
        {
            if (!succeeded && _committing[i] != 0)
            {
                Interlocked.Or(ref _dirty[i], _committing[i]);
                Volatile.Write(ref _anyDirty, 1);
            }

            _committing[i] = 0;
        }

        Volatile.Write(ref _busy, 0);
    }

    public void Dispose() => _staging.Dispose();
}
