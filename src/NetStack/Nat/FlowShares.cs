namespace Makatea.NetStack;

/// <summary>
/// Who has how many flows, and which of them go first when there is no place: those that never were answered or are over before those that were answered before
/// TCP connections; of each kind the one that was silent for longest; of the owner who has most.
/// </summary>
/// <remarks>A flow is on one of three lists of its owner. Moving it costs two neighbours, so that callers do it at most once a second for a flow.</remarks>
internal sealed class FlowShares
{
    /// <summary>A flow that nobody misses: unanswered, or being closed.</summary>
    internal const int Expendable = 0;

    /// <summary>A flow that was answered.</summary>
    internal const int Answered = 1;

    /// <summary>An established TCP connection.</summary>
    internal const int Connected = 2;

    private const int None = -1;
    private const int Ranks = 3;
    private readonly int[] _oldest;
    private readonly int[] _newest;
    private readonly int[] _older;
    private readonly int[] _newer;
    private readonly byte[] _rank;
    private readonly int[] _counts;

    public FlowShares(int owners, int flows)
    {
        _oldest = new int[owners * Ranks];
        _newest = new int[owners * Ranks];
        _counts = new int[owners];
        _older = new int[flows];
        _newer = new int[flows];
        _rank = new byte[flows];
        Array.Fill(_oldest, None);
        Array.Fill(_newest, None);
    }

    /// <summary>Number of flows of an owner.</summary>
    public int CountOf(int owner) => _counts[owner];

    /// <summary>Puts a flow on its owner's list as the newest.</summary>
    public void Add(int flow, int owner, int rank)
    {
        _rank[flow] = (byte)rank;
        _counts[owner]++;
        int list = (owner * Ranks) + rank;
        int last = _newest[list];
        _older[flow] = last;
        _newer[flow] = None;
        _newest[list] = flow;
        (last < 0 ? ref _oldest[list] : ref _newer[last]) = flow;
    }

    /// <summary>Takes a flow off.</summary>
    public void Remove(int flow, int owner)
    {
        int list = (owner * Ranks) + _rank[flow];
        int older = _older[flow];
        int newer = _newer[flow];
        (older < 0 ? ref _oldest[list] : ref _newer[older]) = newer;
        (newer < 0 ? ref _newest[list] : ref _older[newer]) = older;
        _counts[owner]--;
    }

    /// <summary>A packet of the flow came: it is the newest of its rank, which may have changed.</summary>
    public void Touch(int flow, int owner, int rank)
    {
        Remove(flow, owner);
        Add(flow, owner, rank);
    }

    /// <summary>The flow of an owner that goes first, of those up to a rank; less than 0 where there is none.</summary>
    public int VictimOf(int owner, int upTo)
    {
        for (int rank = Expendable; rank <= upTo; rank++)
        {
            if (_oldest[(owner * Ranks) + rank] is int flow and >= 0)
            {
                return flow;
            }
        }

        return None;
    }

    /// <summary>
    /// The flow that goes first for a new one of <paramref name="owner"/> when the table is full. Whoever has more than one flow more than the owner gives one up, even a connection, so that
    /// shares become even; who has most itself gives up what it has not got answered, or nothing.
    /// </summary>
    public int VictimFor(int owner)
    {
        int heaviest = 0;
        for (int i = 1; i < _counts.Length; i++)
        {
            heaviest = _counts[i] > _counts[heaviest] ? i : heaviest;
        }

        return _counts[heaviest] > _counts[owner] + 1 ? VictimOf(heaviest, Connected) : VictimOf(owner, Answered);
    }
}
