using System.Numerics;

namespace Makatea.Platform;

/// <summary>
/// Gives out ranges of device addresses: first fit from below, so that addresses stay small and tables short. Not for several threads at a time.
/// </summary>
public sealed class IovaAllocator
{
    private readonly List<(ulong First, ulong Last)> _ranges = [];
    private readonly List<(ulong First, ulong Last)> _free;

    /// <summary>Starts with the ranges that may be given out.</summary>
    /// <param name="ranges">First and last address of each; they do not overlap.</param>
    public IovaAllocator(IEnumerable<(ulong First, ulong Last)> ranges)
    {
        foreach ((ulong start, ulong last) in ranges.OrderBy(r => r.First))
        {
            ulong first = start;
            if (last < first || (_ranges.Count > 0 && first <= _ranges[^1].Last))
            {
                throw new ArgumentException($"0x{first:x} to 0x{last:x} is empty or overlaps another range", nameof(ranges));
            }

            if (_ranges.Count > 0 && first - 1 == _ranges[^1].Last)
            {
                first = _ranges[^1].First;
                _ranges.RemoveAt(_ranges.Count - 1);
            }

            _ranges.Add((first, last));
        }

        _free = new(_ranges);
    }

    /// <summary>Takes <paramref name="length"/> addresses.</summary>
    /// <param name="length">How many, not 0.</param>
    /// <param name="alignment">A power of two.</param>
    /// <param name="iova">The first.</param>
    /// <returns>False where there is no such range.</returns>
    public bool TryAllocate(ulong length, ulong alignment, out ulong iova)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentOutOfRangeException(nameof(alignment), $"{alignment} is no power of two");
        }

        for (int i = 0; i < _free.Count; i++)
        {
            (ulong first, ulong last) = _free[i];
            iova = (first + (alignment - 1)) & ~(alignment - 1);
            if (iova < first || iova > last || last - iova < length - 1)
            {
                continue;
            }

            _free.RemoveAt(i);
            ulong end = iova + (length - 1);
            if (end < last)
            {
                _free.Insert(i, (end + 1, last));
            }

            if (first < iova)
            {
                _free.Insert(i, (first, iova - 1));
            }

            return true;
        }

        iova = 0;
        return false;
    }

    /// <summary>Takes exactly these addresses.</summary>
    /// <returns>False where one of them is not free.</returns>
    public bool TryReserve(ulong iova, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        int i = _free.FindIndex(r => r.First <= iova && iova <= r.Last && length - 1 <= r.Last - iova);
        if (i < 0)
        {
            return false;
        }

        (ulong first, ulong last) = _free[i];
        ulong end = iova + (length - 1);
        _free.RemoveAt(i);
        if (end < last)
        {
            _free.Insert(i, (end + 1, last));
        }

        if (first < iova)
        {
            _free.Insert(i, (first, iova - 1));
        }

        return true;
    }

    /// <summary>Gives addresses back.</summary>
    /// <exception cref="ArgumentException">Some of them are free already, or were never to be given out.</exception>
    public void Free(ulong iova, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong last = iova + (length - 1);
        int i = _free.FindIndex(r => r.First > iova);
        i = i < 0 ? _free.Count : i;
        if (!_ranges.Exists(r => r.First <= iova && iova <= r.Last && length - 1 <= r.Last - iova)
            || (i < _free.Count && _free[i].First <= last) || (i > 0 && _free[i - 1].Last >= iova))
        {
            throw new ArgumentException($"0x{length:x} addresses at 0x{iova:x} are not all taken", nameof(iova));
        }

        ulong first = iova;
        if (i < _free.Count && _free[i].First - 1 == last)
        {
            last = _free[i].Last;
            _free.RemoveAt(i);
        }

        if (i > 0 && _free[i - 1].Last + 1 == first)
        {
            first = _free[--i].First;
            _free.RemoveAt(i);
        }

        _free.Insert(i, (first, last));
    }
}
