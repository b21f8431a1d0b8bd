using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What the neighbour cache has done: solicit, send what waited, give up.</summary>
internal interface INeighbourLink
{
    /// <summary>Asks for an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="known">Who had it last, to be asked alone; null asks all.</param>
    void Solicit(IpAddress address, MacAddress? known);

    /// <summary>Sends a frame that waited.</summary>
    void SendTo(int frame, MacAddress address);

    /// <summary>Drops a frame that waited for nothing.</summary>
    void GiveUp(int frame);
}

/// <summary>
/// Link-layer addresses of next hops at the uplink, of both families, with the states of [RFC 4861] 7.3 as far as they differ here. Bounded in neighbours and in what waits for their answers; only who was
/// asked is listened to.
/// </summary>
internal sealed class NeighbourCache(FramePool frames, INeighbourLink link)
{
    /// <summary>Most buffers of frames that wait.</summary>
    public const int MaxBuffers = 128;

    private const int MaxNeighbours = 64;
    private const int MaxWaiting = 16;
    private const int MaxSolicits = 3;
    private const long RetransmitTime = 1_000;
    private const long ReachableTime = 30_000;

    private readonly Neighbour[] _neighbours = new Neighbour[MaxNeighbours];
    private readonly int[] _waiting = new int[MaxNeighbours * MaxWaiting];
    private int _buffers;

    private enum State : byte
    {
        Free,
        Incomplete,
        Reachable,
        Stale,
        Probing,
    }

    /// <summary>Sends a frame to a next hop, now or once it answers.</summary>
    /// <returns>False where too much waits already; the frame is the caller's still.</returns>
    public bool TrySend(IpAddress nextHop, int frame, long now)
    {
        int index = Find(nextHop);
        if (index < 0)
        {
            index = Take(now);
            if (index < 0)
            {
                return false;
            }

            _neighbours[index] = new() { Address = nextHop, State = State.Incomplete, Used = now, Deadline = now + RetransmitTime, Solicits = 1 };
            link.Solicit(nextHop, null);
        }

        ref Neighbour neighbour = ref _neighbours[index];
        neighbour.Used = now;
        if (neighbour.State == State.Incomplete)
        {
            return TryWait(index, frame);
        }

        if (neighbour.State == State.Reachable && now >= neighbour.Deadline)
        {
            neighbour.State = State.Stale;
        }

        if (neighbour.State == State.Stale)
        {
            // In use again: is it still there? It is sent to meanwhile.
            neighbour.State = State.Probing;
            neighbour.Deadline = now + RetransmitTime;
            neighbour.Solicits = 1;
            link.Solicit(nextHop, neighbour.Mac);
        }

        link.SendTo(frame, neighbour.Mac);
        return true;
    }

    /// <summary>Takes what somebody said of itself.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="mac">Its link-layer address.</param>
    /// <param name="isAnswer">It answers a question; else it is only news of somebody who is known.</param>
    /// <param name="now">The time.</param>
    public void Heard(IpAddress address, MacAddress mac, bool isAnswer, long now)
    {
        int index = Find(address);
        if (index < 0 || mac.IsMulticast || mac.Value == 0)
        {
            return;
        }

        ref Neighbour neighbour = ref _neighbours[index];
        bool wasAsked = neighbour.State is State.Incomplete or State.Probing;
        if (neighbour.State != State.Incomplete && neighbour.Mac != mac && !(isAnswer && wasAsked))
        {
            // Somebody says that it moved. It is asked for, rather than believed.
            if (neighbour.State is State.Reachable or State.Stale)
            {
                neighbour.State = State.Probing;
                neighbour.Deadline = now + RetransmitTime;
                neighbour.Solicits = 1;
                link.Solicit(address, null);
            }

            return;
        }

        neighbour.Mac = mac;
        neighbour.State = isAnswer ? State.Reachable : neighbour.State == State.Incomplete ? State.Stale : neighbour.State;
        neighbour.Deadline = isAnswer ? now + ReachableTime : neighbour.Deadline;
        Release(index, answered: true);
    }

    /// <summary>Asks again, and gives up on who does not answer.</summary>
    /// <returns>When to be called again.</returns>
    public long Tick(long now)
    {
        long next = long.MaxValue;
        for (int i = 0; i < _neighbours.Length; i++)
        {
            ref Neighbour neighbour = ref _neighbours[i];
            if (neighbour.State is not (State.Incomplete or State.Probing))
            {
                continue;
            }

            if (now >= neighbour.Deadline)
            {
                if (neighbour.Solicits == MaxSolicits)
                {
                    neighbour.State = State.Free;
                    Release(i, answered: false);
                    continue;
                }

                neighbour.Solicits++;
                neighbour.Deadline = now + RetransmitTime;
                link.Solicit(neighbour.Address, neighbour.State == State.Probing ? neighbour.Mac : null);
            }

            next = Math.Min(next, neighbour.Deadline);
        }

        return next;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        for (int i = 0; i < _neighbours.Length; i++)
        {
            _neighbours[i].State = State.Free;
            Release(i, answered: false);
        }
    }

    private int Find(IpAddress address)
    {
        for (int i = 0; i < _neighbours.Length; i++)
        {
            if (_neighbours[i].Address == address && _neighbours[i].State != State.Free)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>A free place, or that of the one not used for longest; of those that have not answered yet, only one that had its time.</summary>
    private int Take(long now)
    {
        int oldest = -1;
        for (int i = 0; i < _neighbours.Length; i++)
        {
            ref Neighbour neighbour = ref _neighbours[i];
            if (neighbour.State == State.Free)
            {
                return i;
            }

            bool mayGo = neighbour.State != State.Incomplete || now - neighbour.Used >= RetransmitTime;
            if (mayGo && (oldest < 0 || neighbour.Used < _neighbours[oldest].Used))
            {
                oldest = i;
            }
        }

        if (oldest >= 0)
        {
            Release(oldest, answered: false);
        }

        return oldest;
    }

    private bool TryWait(int index, int frame)
    {
        ref Neighbour neighbour = ref _neighbours[index];
        int buffers = frames[frame].Parts;
        if (neighbour.Waiting == MaxWaiting || _buffers + buffers > MaxBuffers)
        {
            return false;
        }

        _waiting[(index * MaxWaiting) + neighbour.Waiting++] = frame;
        _buffers += buffers;
        return true;
    }

    private void Release(int index, bool answered)
    {
        ref Neighbour neighbour = ref _neighbours[index];
        int count = neighbour.Waiting;
        neighbour.Waiting = 0;
        for (int i = 0; i < count; i++)
        {
            int frame = _waiting[(index * MaxWaiting) + i];
            _buffers -= frames[frame].Parts;
            if (answered)
            {
                link.SendTo(frame, neighbour.Mac);
            }
            else
            {
                link.GiveUp(frame);
            }
        }
    }

    private struct Neighbour
    {
        public IpAddress Address;
        public MacAddress Mac;
        public long Deadline;
        public long Used;
        public int Waiting;
        public byte Solicits;
        public State State;
    }
}
