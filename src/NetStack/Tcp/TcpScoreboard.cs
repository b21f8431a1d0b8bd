namespace Makatea.NetStack;

/// <summary>
/// What the peer said by SACK that it has, and what is to be thought lost of the rest ([RFC 6675] 3 and 4). Towards a peer without SACK each duplicate acknowledgement stands for a segment that left
/// ([RFC 6582] 3.2).
/// </summary>
internal sealed class TcpScoreboard
{
    private const int DuplicateThreshold = 3;
    private const int MaximumRanges = 64;

    private readonly List<TcpRange> _sacked = []; // ascending, disjoint

    /// <summary>Duplicate acknowledgements in a row.</summary>
    internal int Duplicates { get; set; }

    internal bool IsEmpty => _sacked.Count == 0;

    /// <summary>Takes the blocks of an acknowledgement; those that cannot be are ignored.</summary>
    /// <returns>Whether anything is new.</returns>
    internal bool Update(in TcpHeader header, uint unacknowledged, uint sent)
    {
        bool isNew = false;
        for (int i = 0; i < header.SackCount; i++)
        {
            TcpRange block = header.Sacks[i];
            if (TcpSequence.IsBefore(block.Start, block.End) && TcpSequence.IsBefore(unacknowledged, block.Start) && TcpSequence.IsAtOrBefore(block.End, sent))
            {
                isNew |= Add(block);
            }
        }

        return isNew;
    }

    /// <summary>Forgets what lies before the acknowledgement.</summary>
    internal void Acknowledge(uint unacknowledged)
    {
        while (_sacked.Count > 0 && TcpSequence.IsBefore(_sacked[0].Start, unacknowledged))
        {
            TcpRange first = _sacked[0];
            _sacked.RemoveAt(0);
            if (TcpSequence.IsBefore(unacknowledged, first.End))
            {
                _sacked.Insert(0, new(unacknowledged, first.End));
                break;
            }
        }

        Duplicates = 0;
    }

    /// <summary>Forgets everything: the peer may have done so, too ([RFC 2018] 8).</summary>
    internal void Clear()
    {
        _sacked.Clear();
        Duplicates = 0;
    }

    /// <summary>Whether the first byte that is not acknowledged is to be thought lost.</summary>
    internal bool IsFirstLost(uint unacknowledged, int segmentSize) =>
        Duplicates >= DuplicateThreshold || (_sacked.Count > 0 && IsLost(0, segmentSize) && unacknowledged != _sacked[0].Start);

    /// <summary>Finds the first bytes from <paramref name="from"/> on that are to be thought lost.</summary>
    /// <param name="from">Where to begin.</param>
    /// <param name="unacknowledged">First byte that is not acknowledged.</param>
    /// <param name="lostBefore">Everything before this that the peer does not have is lost: after a timeout.</param>
    /// <param name="segmentSize">Bytes in a segment.</param>
    /// <param name="range">The bytes.</param>
    internal bool TryFindLost(uint from, uint unacknowledged, uint lostBefore, int segmentSize, out TcpRange range)
    {
        uint start = unacknowledged;
        for (int i = 0; i <= _sacked.Count; i++)
        {
            uint end = i < _sacked.Count ? _sacked[i].Start : TcpSequence.Later(lostBefore, start);
            if (i == _sacked.Count || !IsLost(i, segmentSize))
            {
                end = TcpSequence.Earlier(end, TcpSequence.Later(lostBefore, start));
            }

            range = new(TcpSequence.Later(start, from), end);
            if (TcpSequence.IsBefore(range.Start, range.End))
            {
                return true;
            }

            start = i < _sacked.Count ? _sacked[i].End : end;
        }

        range = default;
        return false;
    }

    /// <summary>Bytes that are thought to be on their way: the pipe of [RFC 6675] 4.</summary>
    /// <param name="unacknowledged">First byte that is not acknowledged.</param>
    /// <param name="sent">Behind the last byte that was sent.</param>
    /// <param name="retransmitted">Behind the last byte that was sent again in this recovery.</param>
    /// <param name="lostBefore">As in <see cref="TryFindLost"/>.</param>
    /// <param name="segmentSize">Bytes in a segment.</param>
    internal int Pipe(uint unacknowledged, uint sent, uint retransmitted, uint lostBefore, int segmentSize)
    {
        int pipe = 0;
        uint start = unacknowledged;
        for (int i = 0; i <= _sacked.Count; i++)
        {
            uint end = i < _sacked.Count ? _sacked[i].Start : sent;
            if (i == _sacked.Count || !IsLost(i, segmentSize))
            {
                pipe += (int)(end - TcpSequence.Later(start, TcpSequence.Earlier(lostBefore, end)));
            }

            pipe += Math.Max(0, (int)(TcpSequence.Earlier(end, retransmitted) - start));
            start = i < _sacked.Count ? _sacked[i].End : end;
        }

        return _sacked.Count > 0 ? pipe : Math.Max(0, pipe - (Duplicates * segmentSize));
    }

    // IsLost of [RFC 6675] 4 for the bytes in front of a range: three ranges behind them, or more than two segments in those.
    private bool IsLost(int index, int segmentSize)
    {
        int bytes = 0;
        for (int i = index; i < _sacked.Count; i++)
        {
            bytes += _sacked[i].Length;
            if (i - index + 1 >= DuplicateThreshold || bytes > (DuplicateThreshold - 1) * segmentSize)
            {
                return true;
            }
        }

        return false;
    }

    private bool Add(TcpRange block)
    {
        int at = 0;
        while (at < _sacked.Count && TcpSequence.IsBefore(_sacked[at].End, block.Start))
        {
            at++;
        }

        if (at < _sacked.Count && TcpSequence.IsAtOrBefore(_sacked[at].Start, block.Start) && TcpSequence.IsAtOrBefore(block.End, _sacked[at].End))
        {
            return false;
        }

        while (at < _sacked.Count && TcpSequence.IsAtOrBefore(_sacked[at].Start, block.End))
        {
            block = new(TcpSequence.Earlier(block.Start, _sacked[at].Start), TcpSequence.Later(block.End, _sacked[at].End));
            _sacked.RemoveAt(at);
        }

        if (_sacked.Count == MaximumRanges)
        {
            return false;
        }

        _sacked.Insert(at, block);
        return true;
    }
}
