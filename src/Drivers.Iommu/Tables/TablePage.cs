using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tables;

/// <summary>A page of a table that a remapping unit reads: 512 words of 64 bits, written by us alone.</summary>
internal sealed class TablePage : IDisposable
{
    internal const int Length = 4096;
    internal const int Entries = Length / sizeof(ulong);

    private readonly TableMemory _owner;
    private readonly DmaMemory _memory;
    private readonly SharedMemory _words;

    internal TablePage(TableMemory owner, DmaMemory memory)
    {
        _owner = owner;
        _memory = memory;
        _words = memory.View(0, Length);
        if (!owner.IsCoherent)
        {
            // It was cleared, but perhaps in the caches alone.
            for (int i = 0; i < Entries; i++)
            {
                _words.StreamUInt64(Offset(i), 0);
            }

            SharedMemory.StreamFence();
        }
    }

    /// <summary>Physical address.</summary>
    internal ulong Address => _memory.Iova;

    /// <summary>Reads a word.</summary>
    internal ulong this[int index] => _words.AcquireUInt64(Offset(index));

    /// <summary>Writes a word; the unit sees all of it or nothing, and what was written before it first.</summary>
    internal void Write(int index, ulong value)
    {
        if (_owner.IsCoherent)
        {
            _words.ReleaseUInt64(Offset(index), value);
            return;
        }

        SharedMemory.StreamFence();
        _words.StreamUInt64(Offset(index), value);
        SharedMemory.StreamFence();
    }

    /// <summary>Gives the page back. No unit may know of it any more.</summary>
    public void Dispose()
    {
        _memory.Dispose();
        _owner.Pages--;
    }

    private static nuint Offset(int index) => (nuint)(uint)index * sizeof(ulong);
}
