using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// Which port a station was last heard at. Bounded: a port has its share of the places and takes no other's, so that whoever makes addresses up only has its own frames flooded.
/// </summary>
internal sealed class StationTable
{
    private const int Ways = 4;

    private readonly Entry[] _entries;
    private readonly int _share;
    private readonly int _shift;
    private readonly ulong _key;
    private readonly long _ageLimit;
    private int[] _used = [];

    /// <param name="capacity">Number of places, a power of two from 8.</param>
    /// <param name="share">Most places of a port.</param>
    /// <param name="ageLimit">How long a station that is silent is remembered, in milliseconds.</param>
    /// <param name="key">A secret, so that nobody can aim at one place.</param>
    public StationTable(int capacity, int share, long ageLimit, ulong key)
    {
        _entries = new Entry[capacity];
        _share = share;
        _ageLimit = ageLimit;
        _key = key | 1;
        _shift = 64 - System.Numerics.BitOperations.Log2((uint)(capacity / Ways));
    }

    /// <summary>The port of a station.</summary>
    /// <returns>-1 where it is not known.</returns>
    public int Find(MacAddress station, long now)
    {
        foreach (ref Entry entry in Bucket(station))
        {
            if (entry.Station == station.Value && entry.IsUsed && now - entry.Seen < _ageLimit)
            {
                return entry.Port;
            }
        }

        return -1;
    }

    /// <summary>Notes where a station was heard.</summary>
    public void Learn(MacAddress station, int port, long now)
    {
        Span<Entry> bucket = Bucket(station);
        int place = -1;
        for (int i = 0; i < bucket.Length; i++)
        {
            ref Entry entry = ref bucket[i];
            if (entry.IsUsed && entry.Station == station.Value)
            {
                if (entry.Port == port)
                {
                    entry.Seen = now;
                    return;
                }

                place = i;
                break;
            }

            // A free place, one whose station is silent, or the port's own that was silent longest.
            if (place < 0 || Rank(entry, port, now) > Rank(bucket[place], port, now))
            {
                place = i;
            }
        }

        ref Entry chosen = ref bucket[place];
        if (chosen.IsUsed && chosen.Station != station.Value && chosen.Port != port && now - chosen.Seen < _ageLimit)
        {
            return;
        }

        if (!chosen.IsUsed || chosen.Port != port)
        {
            if (port >= _used.Length)
            {
                Array.Resize(ref _used, port + 1);
            }

            if (_used[port] >= _share)
            {
                return;
            }

            Release(ref chosen);
            _used[port]++;
        }

        chosen = new() { Station = station.Value, Port = port, Seen = now, IsUsed = true };
    }

    /// <summary>Forgets all stations of a port.</summary>
    public void Forget(int port)
    {
        foreach (ref Entry entry in _entries.AsSpan())
        {
            if (entry.Port == port)
            {
                Release(ref entry);
            }
        }
    }

    /// <summary>Forgets stations that are silent, so that their ports can have others.</summary>
    public void Age(long now)
    {
        foreach (ref Entry entry in _entries.AsSpan())
        {
            if (now - entry.Seen >= _ageLimit)
            {
                Release(ref entry);
            }
        }
    }

    private static long Rank(in Entry entry, int port, long now) => !entry.IsUsed ? long.MaxValue : entry.Port == port ? now - entry.Seen : -1;

    private Span<Entry> Bucket(MacAddress station) => _entries.AsSpan((int)((station.Value * _key) >> _shift) * Ways, Ways);

    private void Release(ref Entry entry)
    {
        if (entry.IsUsed)
        {
            _used[entry.Port]--;
            entry = default;
        }
    }

    private struct Entry
    {
        public ulong Station;
        public long Seen;
        public int Port;
        public bool IsUsed;
    }
}
