namespace Makatea.NetStack;

/// <summary>Bytes of frames of several parts, for what copies and sums them.</summary>
internal static class FrameBytes
{
    /// <summary>Sums a frame from <paramref name="start"/>, which is within its first part, to its end.</summary>
    public static ulong Sum(FramePool frames, int frame, int start)
    {
        ReadOnlySpan<byte> piece = frames.Head(frame)[start..];
        ulong sum = Checksum.Add(piece);
        int parts = frames[frame].Parts;
        if (parts > 1)
        {
            // A part after an odd number of bytes has its words the other way round.
            int done = piece.Length;
            int part = frame;
            while (--parts > 0)
            {
                part = frames.NextPart(part);
                piece = frames.Head(part);
                ulong next = Checksum.Add(piece);
                sum = (done & 1) == 0 ? sum + next : Checksum.AddOdd(next, sum);
                done += piece.Length;
            }
        }

        return sum;
    }

    /// <summary>Copies bytes that may lie in several parts.</summary>
    /// <param name="frames">The pool.</param>
    /// <param name="frame">The frame, which has <paramref name="to"/>'s length from <paramref name="start"/> on.</param>
    /// <param name="start">Where they start in the frame.</param>
    /// <param name="to">Where they go.</param>
    public static void Copy(FramePool frames, int frame, int start, Span<byte> to)
    {
        var reader = new FrameReader(frames, frame);
        reader.Skip(start);
        reader.Read(to);
    }

    /// <summary>Makes a copy of a frame.</summary>
    /// <returns>The copy, or <see cref="FramePool.None"/> where there are too few buffers.</returns>
    public static int Clone(FramePool frames, int frame)
    {
        var reader = new FrameReader(frames, frame);
        int copy = Make(frames, [], ref reader, frames[frame].Length);
        if (copy != FramePool.None)
        {
            frames[copy].Offload = frames[frame].Offload;
        }

        return copy;
    }

    /// <summary>Makes a frame of some headers and what a reader has next.</summary>
    /// <param name="frames">The pool.</param>
    /// <param name="headers">At most <see cref="FramePool.BufferLength"/> bytes.</param>
    /// <param name="reader">Where the rest comes from.</param>
    /// <param name="length">Length of the rest; the reader has as much.</param>
    /// <returns>The frame, or <see cref="FramePool.None"/> where there are too few buffers.</returns>
    public static int Make(FramePool frames, ReadOnlySpan<byte> headers, ref FrameReader reader, int length)
    {
        int frame = frames.Rent();
        if (frame == FramePool.None)
        {
            return FramePool.None;
        }

        Span<byte> buffer = frames.Buffer(frame);
        headers.CopyTo(buffer);
        int first = Math.Min(length, buffer.Length - headers.Length);
        reader.Read(buffer.Slice(headers.Length, first));
        frames.SetLength(frame, headers.Length + first);
        int last = frame;
        for (length -= first; length > 0;)
        {
            int part = frames.Rent();
            if (part == FramePool.None)
            {
                frames.Free(frame);
                return FramePool.None;
            }

            int count = Math.Min(length, FramePool.BufferLength);
            reader.Read(frames.Buffer(part)[..count]);
            frames.SetLength(part, count);
            frames.Append(frame, last, part);
            last = part;
            length -= count;
        }

        return frame;
    }
}
