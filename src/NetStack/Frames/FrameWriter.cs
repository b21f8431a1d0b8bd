namespace Makatea.NetStack;

/// <summary>Writes a new frame's bytes in order, into as many buffers as it takes. One that there are too few buffers for is not made.</summary>
internal struct FrameWriter(FramePool frames)
{
    private int _frame = frames.Rent();
    private int _last;

    /// <summary>The frame; <see cref="FramePool.None"/> once there was no buffer.</summary>
    public readonly int Frame => _frame;

    /// <summary>Adds bytes.</summary>
    /// <returns>False where there is no buffer for them; then there is no frame any more.</returns>
    public bool TryWrite(ReadOnlySpan<byte> bytes)
    {
        if (_frame == FramePool.None)
        {
            return false;
        }

        if (frames[_frame].Parts == 1)
        {
            _last = _frame;
        }

        while (true)
        {
            ref FrameInfo part = ref frames[_last];
            int count = Math.Min(bytes.Length, FramePool.BufferLength - part.PartLength);
            bytes[..count].CopyTo(frames.Buffer(_last)[part.PartLength..]);
            part.PartLength += (ushort)count;
            frames[_frame].Length += count;
            bytes = bytes[count..];
            if (bytes.IsEmpty)
            {
                return true;
            }

            int next = frames[_frame].Parts == FramePool.MaxParts ? FramePool.None : frames.Rent();
            if (next == FramePool.None)
            {
                frames.Free(_frame);
                _frame = FramePool.None;
                return false;
            }

            frames.Append(_frame, _last, next);
            _last = next;
        }
    }

    /// <summary>Adds bytes of another frame, which may lie in several parts.</summary>
    public bool TryWrite(int frame, int start, int length)
    {
        int part = frame;
        for (int parts = frames[frame].Parts; length > 0; parts--)
        {
            ReadOnlySpan<byte> piece = frames.Head(part);
            int skip = Math.Min(start, piece.Length);
            start -= skip;
            piece = piece[skip..];
            piece = piece[..Math.Min(piece.Length, length)];
            if (!TryWrite(piece))
            {
                return false;
            }

            length -= piece.Length;
            if (parts > 1)
            {
                part = frames.NextPart(part);
            }
        }

        return true;
    }
}
