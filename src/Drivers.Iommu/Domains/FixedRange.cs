
namespace Makatea.Drivers.Iommu.Domains;

/// <summary>Addresses of somebody's choice, which are taken out as a whole or by parts.</summary>
internal sealed class FixedRange(ulong first, ulong length, object? pin)
{
    private readonly List<(ulong First, ulong Last)> _left = [(first, first + (length - 1))];

    /// <summary>What keeps the memory in its place.</summary>
    internal object? Pin => pin;

    /// <summary>All of these addresses are still mapped.</summary>
    internal bool Has(ulong iova, ulong length) => Find(iova, iova + (length - 1)) >= 0;

    /// <summary>Takes addresses out that <see cref="Has"/> told of.</summary>
    /// <returns>True where none is left.</returns>
    internal bool Remove(ulong iova, ulong length)
    {
        ulong last = iova + (length - 1);
        int i = Find(iova, last);
        (ulong oldFirst, ulong oldLast) = _left[i];
        _left.RemoveAt(i);
        if (oldFirst < iova)
        {
            _left.Add((oldFirst, iova - 1));
        }

        if (last < oldLast)
        {
            _left.Add((last + 1, oldLast));
        }

        return _left.Count == 0;
    }

    private int Find(ulong iova, ulong last) => _left.FindIndex(r => r.First <= iova && last <= r.Last);
}
