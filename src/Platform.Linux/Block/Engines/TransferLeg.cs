namespace Makatea.Platform.Linux;

/// <summary>
/// What one system call can do of a request's data: either <see cref="Count"/> whole segments, or, with a count of 0, a single piece of memory.
/// </summary>
/// <param name="Address">Of the first segment's entry in the scatter list, or of the memory.</param>
/// <param name="Count">Number of segments, or 0.</param>
/// <param name="Length">Length in bytes.</param>
internal readonly record struct TransferLeg(nint Address, int Count, long Length)
{
    /// <summary>
    /// The next leg after <paramref name="done"/> bytes were transferred. It does not go past the segment in which a transfer stopped half-way, nor
    /// past what the kernel takes at once, so a request ends after a few legs; nearly always after one.
    /// </summary>
    internal static TransferLeg After(ScatterList data, long done)
    {
        ReadOnlySpan<MemorySegment> segments = data.AsSpan();
        int first = 0;
        while (done >= segments[first].Length)
        {
            done -= segments[first++].Length;
        }

        if (done > 0 || first == segments.Length - 1)
        {
            ref readonly MemorySegment segment = ref segments[first];
            return new TransferLeg(segment.Address + (nint)done, 0, segment.Length - done);
        }

        int count = Math.Min(segments.Length - first, Libc.IOV_MAX);
        long length = 0;
        foreach (ref readonly MemorySegment segment in segments.Slice(first, count))
        {
            length += segment.Length;
        }

        return new TransferLeg(data.Address + (first * MemorySegmentSize), count, length);
    }

    // Two words: the layout of struct iovec.
    private static unsafe int MemorySegmentSize => sizeof(MemorySegment);
}
