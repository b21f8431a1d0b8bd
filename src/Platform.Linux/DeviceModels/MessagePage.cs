namespace Makatea.Platform.Linux;

/// <summary>A page of the machine's memory whose words are interrupt messages of the functions of one DMA space.</summary>
internal sealed class MessagePage : IDisposable
{
    private const int WordLength = 4;
    private readonly DmaMemory _memory;
    private readonly DmaMapping? _mapping;
    private readonly SharedMemory _words;
    private readonly bool[] _taken;

    internal MessagePage(ModelMemory physical, DmaSpace space)
    {
        Space = space;
        _memory = physical.Allocate((ulong)physical.PageSize);
        try
        {
            _mapping = space == physical ? null : space.Map(_memory, DmaAccess.Write);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }

        Iova = (_mapping?.Iova ?? _memory.Iova) + (ulong)(_memory.Address - (_mapping?.Address ?? _memory.Address));
        _words = _memory.View(0, (int)_memory.Length);
        _taken = new bool[_words.Length / WordLength];
    }

    /// <summary>Where its functions' DMA takes place.</summary>
    internal DmaSpace Space { get; }

    /// <summary>No word is in use.</summary>
    internal bool IsEmpty => !_taken.AsSpan().Contains(true);

    private ulong Iova { get; }

    /// <summary>Takes a free word.</summary>
    /// <returns>Its number, or -1.</returns>
    internal int Take()
    {
        int index = Array.IndexOf(_taken, false);
        if (index >= 0)
        {
            _taken[index] = true;
            _words.ReleaseUInt32((nuint)(index * WordLength), 0);
        }

        return index;
    }

    /// <summary>Gives a word back.</summary>
    internal void Release(int index) => _taken[index] = false;

    /// <summary>The devices' address of a word.</summary>
    internal ulong AddressOf(int index) => Iova + (ulong)(index * WordLength);

    /// <summary>Whether a word was written since it was last looked at.</summary>
    internal bool WasWritten(int index)
    {
        nuint offset = (nuint)(index * WordLength);
        if (_words.AcquireUInt32(offset) == 0)
        {
            return false;
        }

        // A message that comes before the zero is lost, and is the same ring: whoever is woken looks afterwards.
        _words.ReleaseUInt32(offset, 0);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping?.Dispose();
        _memory.Dispose();
    }
}
