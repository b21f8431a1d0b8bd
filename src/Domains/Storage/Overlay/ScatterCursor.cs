using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>A place in a scatter list, from which pieces of it are taken in order.</summary>
internal struct ScatterCursor
{
    private int _segment;
    private int _offset;

    /// <summary>
    /// Lists the next <paramref name="bytes"/> bytes, or as many whole <paramref name="unit"/>s as <paramref name="max"/> entries hold, and moves past them.
    /// </summary>
    /// <returns>The number of bytes listed, 0 where not even one unit fits; then the cursor stays.</returns>
    public long Take(ScatterList data, long bytes, int unit, NativeArray<MemorySegment> entries, int start, int max, out ScatterList list)
    {
        ScatterCursor from = this;
        long fitting = Math.Min(bytes, from.Extent(data, max));
        if (fitting < bytes)
        {
            fitting -= fitting % unit;
        }

        int count = 0;
        ReadOnlySpan<MemorySegment> segments = data.AsSpan();
        for (long left = fitting; left > 0; count++)
        {
            int length = (int)Math.Min(left, segments[_segment].Length - _offset);
            entries[start + count] = segments[_segment].Slice(_offset, length);
            Move(segments, length);
            left -= length;
        }

        list = ScatterList.Of(entries, start, count);
        return fitting;
    }

    /// <summary>Moves past bytes.</summary>
    public void Skip(ScatterList data, long bytes)
    {
        ReadOnlySpan<MemorySegment> segments = data.AsSpan();
        while (bytes > 0)
        {
            int length = (int)Math.Min(bytes, segments[_segment].Length - _offset);
            Move(segments, length);
            bytes -= length;
        }
    }

    /// <summary>Copies the next bytes out of the scatter list, or into it.</summary>
    public void Copy(ScatterList data, Span<byte> buffer, bool intoList)
    {
        ReadOnlySpan<MemorySegment> segments = data.AsSpan();
        while (!buffer.IsEmpty)
        {
            int length = Math.Min(buffer.Length, segments[_segment].Length - _offset);
            Span<byte> part = segments[_segment].AsSpan().Slice(_offset, length);
            (intoList ? buffer[..length] : part).CopyTo(intoList ? part : buffer);
            Move(segments, length);
            buffer = buffer[length..];
        }
    }

    /// <summary>Number of bytes that the next <paramref name="max"/> segments hold.</summary>
    private readonly long Extent(ScatterList data, int max)
    {
        ReadOnlySpan<MemorySegment> segments = data.AsSpan();
        long bytes = -_offset;
        for (int i = _segment; i < segments.Length && i < _segment + max; i++)
        {
            bytes += segments[i].Length;
        }

        return bytes;
    }

    private void Move(ReadOnlySpan<MemorySegment> segments, int length)
    {
        _offset += length;
        if (_offset == segments[_segment].Length)
        {
            _segment++;
            _offset = 0;
        }
    }
}
