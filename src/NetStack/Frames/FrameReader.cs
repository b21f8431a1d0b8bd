namespace Makatea.NetStack;

/// <summary>Reads a frame's bytes in order, over all its parts.</summary>
internal struct FrameReader(FramePool frames, int frame)
{
    private int _part = frame;
    private int _partsLeft = frames[frame].Parts - 1;
    private int _at;

    /// <summary>Passes over bytes, which the frame has.</summary>
    public void Skip(int count)
    {
        while (count > 0)
        {
            int step = Math.Min(count, Next().Length);
            _at += step;
            count -= step;
        }
    }

    /// <summary>Reads bytes, which the frame has.</summary>
    public void Read(Span<byte> to)
    {
        while (!to.IsEmpty)
        {
            ReadOnlySpan<byte> from = Next();
            int step = Math.Min(to.Length, from.Length);
            from[..step].CopyTo(to);
            _at += step;
            to = to[step..];
        }
    }

    private ReadOnlySpan<byte> Next()
    {
        ReadOnlySpan<byte> left = frames.Head(_part)[_at..];
        while (left.IsEmpty)
        {
            if (_partsLeft-- == 0)
            {
                throw new InvalidOperationException("a frame is shorter than its length");
            }

            _part = frames.NextPart(_part);
            _at = 0;
            left = frames.Head(_part);
        }

        return left;
    }
}
