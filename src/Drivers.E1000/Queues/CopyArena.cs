using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// Memory of the driver's own that controllers reach, for the bytes of frames that are sent from a copy: headers of segmented frames, frames too short, memory out of reach.
/// Taken in the order of the frames and given back in that order, so two positions are all there is to it.
/// </summary>
internal sealed class CopyArena : IDisposable
{
    /// <summary>Length in bytes. One frame's copies always fit into an empty arena: they are at most 64 KiB, and as much is lost at the end at most.</summary>
    public const int Length = 256 << 10;

    private readonly DmaMemory _memory;
    private readonly MemorySegment _bytes;
    private readonly ulong _iova;

    public CopyArena(DmaSpace space)
    {
        _memory = space.Allocate(Length);
        _bytes = _memory.Slice(0, Length);
        _iova = _memory.Iova;
    }

    /// <summary>Bytes ever taken, with those lost at the end; wraps.</summary>
    public uint Head { get; private set; }

    /// <summary>Bytes ever given back.</summary>
    public uint Tail { get; private set; }

    /// <summary>Takes consecutive bytes.</summary>
    /// <param name="length">How many, 1 to 65,553: a frame and its tag.</param>
    /// <param name="iova">The controller's address of the first.</param>
    /// <param name="bytes">Them.</param>
    /// <returns>False where there is no room now.</returns>
    public bool TryTake(int length, out ulong iova, out Span<byte> bytes)
    {
        uint start = Head % Length;
        uint lost = Length - start < (uint)length ? Length - start : 0;
        if (Length - (Head - Tail) < lost + (uint)length)
        {
            iova = 0;
            bytes = default;
            return false;
        }

        start = (start + lost) % Length;
        Head += lost + (uint)length;
        iova = _iova + start;
        bytes = _bytes.Slice((int)start, length).AsSpan();
        return true;
    }

    /// <summary>Undoes what was taken since <paramref name="head"/> was the head.</summary>
    public void Undo(uint head) => Head = head;

    /// <summary>Gives back all that was taken before <paramref name="head"/> was the head.</summary>
    public void GiveBack(uint head) => Tail = head;

    public void Dispose() => _memory.Dispose();
}
