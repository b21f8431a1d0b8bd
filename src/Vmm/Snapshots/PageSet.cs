using Makatea.Platform;

namespace Makatea.Vmm.Snapshots;

/// <summary>Which pages of memory are in a snapshot: a bit each, in words of 64. The others are zeroes.</summary>
/// <param name="pages">Number of pages.</param>
internal sealed class PageSet(int pages)
{
    private readonly byte[] _bits = new byte[(pages + 7) / 8];

    public int Pages => pages;

    public bool this[int page]
    {
        get => (_bits[page / 8] >> (page % 8) & 1) != 0;
        set => _bits[page / 8] = (byte)(value ? _bits[page / 8] | (1 << (page % 8)) : _bits[page / 8] & ~(1 << (page % 8)));
    }

    /// <summary>Number of pages from one on that are in it all, or are not.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="most">How many to look at.</param>
    public int Run(int first, int most)
    {
        int end = Math.Min(pages, first + most);
        int next = first + 1;
        while (next < end && this[next] == this[first])
        {
            next++;
        }

        return next - first;
    }

    public void Save(StateWriter writer) => writer.Write(_bits);

    public void Restore(StateReader reader) => reader.ReadBytes(_bits);
}
