namespace Makatea.NetStack;

/// <summary>
/// Bytes that arrived and were not taken yet, in order or ahead of it: a ring, addressed by sequence number. What is ahead is a bounded number of ranges, the last heard of first, as SACK tells them
/// ([RFC 2018] 4).
/// </summary>
/// <param name="ring">Its memory; a power of two.</param>
/// <param name="start">Sequence number of the first byte.</param>
internal sealed class TcpReceiveBuffer(byte[] ring, uint start)
{
    private const int MaximumRanges = 32;

    private readonly List<TcpRange> _ahead = [];
    private uint _taken = start;
    private int _fin;

    internal byte[] Ring => ring;

    /// <summary>Sequence number that is expected next.</summary>
    internal uint Next { get; private set; } = start;

    /// <summary>Bytes that can be taken.</summary>
    internal int Available => (int)(Next - _taken) - _fin;

    /// <summary>Bytes from <see cref="Next"/> on for which there is room.</summary>
    internal int Window => ring.Length - Available;

    internal IReadOnlyList<TcpRange> Ahead => _ahead;

    /// <summary>Keeps bytes, as far as they are new and there is room.</summary>
    /// <returns>Whether <see cref="Next"/> moved.</returns>
    internal bool Add(uint sequence, ReadOnlySpan<byte> bytes)
    {
        uint limit = Next + (uint)Window;
        if (TcpSequence.IsBefore(sequence, Next))
        {
            uint old = Next - sequence;
            if (old >= bytes.Length)
            {
                return false;
            }

            sequence = Next;
            bytes = bytes[(int)old..];
        }

        if (!TcpSequence.IsBefore(sequence, limit) || bytes.Length == 0)
        {
            return false;
        }

        bytes = bytes[..(int)Math.Min((uint)bytes.Length, limit - sequence)];
        uint end = sequence + (uint)bytes.Length;
        if (sequence != Next && !TryMerge(new(sequence, end)))
        {
            return false;
        }

        Copy(sequence, bytes);
        if (sequence != Next)
        {
            return false;
        }

        Next = end;
        for (int i = 0; i < _ahead.Count;)
        {
            if (TcpSequence.IsBefore(Next, _ahead[i].Start))
            {
                i++;
                continue;
            }

            Next = TcpSequence.Later(Next, _ahead[i].End);
            _ahead.RemoveAt(i);
            i = 0;
        }

        return true;
    }

    /// <summary>Counts the FIN, behind the last byte.</summary>
    internal void SkipFin() => (Next, _fin) = (Next + 1, 1);

    /// <summary>Takes bytes.</summary>
    /// <returns>How many.</returns>
    internal int Take(Span<byte> bytes)
    {
        int count = Math.Min(bytes.Length, Available);
        int at = (int)(_taken & (uint)(ring.Length - 1));
        int first = Math.Min(count, ring.Length - at);
        ring.AsSpan(at, first).CopyTo(bytes);
        ring.AsSpan(0, count - first).CopyTo(bytes[first..]);
        _taken += (uint)count;
        return count;
    }

    /// <summary>Forgets what could be taken: nobody wants it.</summary>
    internal void Discard() => _taken = Next - (uint)_fin;

    private bool TryMerge(TcpRange range)
    {
        if (_ahead.Count == MaximumRanges)
        {
            return false;
        }

        for (int i = _ahead.Count - 1; i >= 0; i--)
        {
            TcpRange other = _ahead[i];
            if (TcpSequence.IsAtOrBefore(other.Start, range.End) && TcpSequence.IsAtOrBefore(range.Start, other.End))
            {
                range = new(TcpSequence.Earlier(range.Start, other.Start), TcpSequence.Later(range.End, other.End));
                _ahead.RemoveAt(i);
            }
        }

        _ahead.Insert(0, range);
        return true;
    }

    private void Copy(uint sequence, ReadOnlySpan<byte> bytes)
    {
        int at = (int)(sequence & (uint)(ring.Length - 1));
        int first = Math.Min(bytes.Length, ring.Length - at);
        bytes[..first].CopyTo(ring.AsSpan(at));
        bytes[first..].CopyTo(ring);
    }
}
