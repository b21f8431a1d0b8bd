using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>A place in a scatter list.</summary>
internal struct ScatterCursor
{
    /// <summary>Which segment; their number at the end.</summary>
    internal int Segment;

    /// <summary>Which byte of it; its length where the next segment is meant.</summary>
    internal int Offset;

    /// <summary>Finds the piece here: the rest of a segment, at most <paramref name="most"/> bytes, and goes behind it.</summary>
    /// <returns>False at the end of the list.</returns>
    internal bool TryTake(ReadOnlySpan<MemorySegment> segments, int most, out MemorySegment piece)
    {
        while (Segment < segments.Length)
        {
            MemorySegment segment = segments[Segment];
            int left = segment.Length - Offset;
            if (left > 0)
            {
                piece = segment.Slice(Offset, Math.Min(left, most));
                Offset += piece.Length;
                return true;
            }

            Segment++;
            Offset = 0;
        }

        piece = default;
        return false;
    }

    /// <summary>Goes on by <paramref name="length"/> bytes.</summary>
    /// <returns>False where the list ends before.</returns>
    internal bool TryAdvance(ReadOnlySpan<MemorySegment> segments, int length)
    {
        while (length > 0)
        {
            if (!TryTake(segments, length, out MemorySegment piece))
            {
                return false;
            }

            length -= piece.Length;
        }

        return true;
    }
}
