using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Interrupts;

/// <summary>
/// The interrupt remapping table of a unit ([VT-d-4.1] 5.1 and 9.10). A message names an entry, and the entry names the one requester that may use it: who writes
/// another's message, or one of a processor's own format, raises nothing.
/// </summary>
internal sealed class InterruptTable
{
    private const int EntryLength = 16;
    private readonly DmaMemory _memory;
    private readonly SharedMemory _words;
    private readonly bool _isCoherent;
    private readonly IovaAllocator _free;

    /// <summary>Makes an empty table.</summary>
    /// <param name="physical">The machine's memory.</param>
    /// <param name="isCoherent">The unit looks into the processor's caches.</param>
    /// <param name="entries">How many entries: a power of two.</param>
    internal InterruptTable(DmaSpace physical, bool isCoherent, int entries)
    {
        int length = entries * EntryLength;
        _memory = physical.Allocate((ulong)length);
        _words = _memory.View(0, length);
        _isCoherent = isCoherent;
        _free = new IovaAllocator([(0, (ulong)entries - 1)]);
        Register = _memory.Iova | (uint)(int.Log2(entries) - 1);
        for (int i = 0; i < entries * 2; i++)
        {
            Write((nuint)i * sizeof(ulong), 0);
        }
    }

    /// <summary>Value of the unit's table address register; x2APIC mode is off.</summary>
    internal ulong Register { get; }

    /// <summary>Lets a requester raise an interrupt.</summary>
    /// <param name="requester">Its ID.</param>
    /// <param name="interrupt">What is raised.</param>
    /// <returns>Index of the entry.</returns>
    /// <exception cref="IommuException">The table is full.</exception>
    internal ushort Add(ushort requester, InterruptTarget interrupt)
    {
        if (!_free.TryAllocate(1, 1, out ulong index))
        {
            throw new IommuException($"all {_words.Length / EntryLength} entries of the interrupt remapping table are taken; ask for more (IommuOptions.InterruptEntries)");
        }

        // SVT 1: verify the source; SQ 0: all of its 16 bits.
        const ulong VerifySource = 1ul << 18;
        nuint offset = (nuint)index * EntryLength;
        Write(offset + sizeof(ulong), requester | VerifySource);
        Write(offset, interrupt.Encode());
        return (ushort)index;
    }

    /// <summary>Takes an entry out.</summary>
    internal void Clear(ushort index) => Write((nuint)index * EntryLength, 0);

    /// <summary>Gives an entry back after the unit has forgotten it.</summary>
    internal void Free(ushort index) => _free.Free(index, 1);

    private void Write(nuint offset, ulong value)
    {
        if (_isCoherent)
        {
            _words.ReleaseUInt64(offset, value);
            return;
        }

        SharedMemory.StreamFence();
        _words.StreamUInt64(offset, value);
        SharedMemory.StreamFence();
    }
}
