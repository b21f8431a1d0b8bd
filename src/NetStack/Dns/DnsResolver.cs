namespace Makatea.NetStack;

/// <summary>
/// Answers questions from its cache or by asking upstream servers. One question is asked once, however many wait for it, so that chance does not favour who guesses answers ([RFC 5452] 5). On the
/// forwarding thread.
/// </summary>
public sealed class DnsResolver : IHostTimer
{
    /// <summary>The domain itself as a client.</summary>
    public const int Self = -1;

    private readonly DnsCache _cache;
    private readonly Dictionary<DnsKey, DnsExchange> _exchanges = [];
    private readonly Dictionary<int, int> _waiting = []; // questions per client
    private readonly List<DnsExchange> _due = [];
    private IReadOnlyList<IpAddress> _servers = [];

    /// <summary>Makes it, without servers.</summary>
    /// <param name="ip">What it sends with.</param>
    /// <param name="udp">Where it opens ports.</param>
    /// <param name="random">Chooses ids and cases.</param>
    /// <param name="streams">Asks over TCP what does not fit UDP; null fails such questions.</param>
    /// <param name="options">Bounds.</param>
    public DnsResolver(IIpLayer ip, UdpHost udp, NetRandom random, IDnsStreams? streams = null, DnsOptions? options = null)
    {
        (Ip, Udp, Random, Streams, Options) = (ip, udp, random, streams, options ?? new());
        _cache = new(Options.CacheEntries, Options.CacheBytes);
    }

    /// <summary>The upstream servers; the first is asked first. What is under way ends with those that it began with. Others than before may know other names, so what was learnt is forgotten.</summary>
    public IReadOnlyList<IpAddress> Servers
    {
        get => _servers;
        set
        {
            if (!IpAddress.AreEqual(_servers, value))
            {
                _servers = value.ToArray();
                Preferred = 0;
                _cache.Clear();
            }
        }
    }

    /// <summary>Answers that came from the cache.</summary>
    public long Hits { get; private set; }

    /// <summary>Questions that were asked upstream.</summary>
    public long Asked { get; private set; }

    /// <summary>Questions that no server answered.</summary>
    public long Failures { get; private set; }

    /// <summary>Questions that were not asked, as there were too many.</summary>
    public long Refused { get; private set; }

    /// <summary>Datagrams to a question's port that were no answer to it: late, damaged, or forged.</summary>
    public long Mismatched { get; internal set; }

    internal IIpLayer Ip { get; }

    internal UdpHost Udp { get; }

    internal NetRandom Random { get; }

    internal IDnsStreams? Streams { get; }

    internal DnsOptions Options { get; }

    /// <summary>Index of the server that answered last.</summary>
    internal int Preferred { get; set; }

    internal DnsCache Cache => _cache;

    internal int Outstanding => _exchanges.Count;

    /// <summary>Answers a question, perhaps before it returns.</summary>
    /// <param name="client">Who asks: a qube's port, or <see cref="Self"/>.</param>
    /// <param name="question">The question.</param>
    /// <param name="isDnssec">Whether records of DNSSEC are wanted.</param>
    /// <param name="done">Is called once, on the forwarding thread; a failure is an answer, too.</param>
    public void Resolve(int client, DnsQuestion question, bool isDnssec, Action<DnsAnswer> done)
    {
        var key = new DnsKey(question, isDnssec);
        if (_cache.Find(key, Ip.Now) is { } known)
        {
            Hits++;
            done(known);
            return;
        }

        int waiting = _waiting.GetValueOrDefault(client);
        bool isUnderWay = _exchanges.TryGetValue(key, out DnsExchange? exchange);
        if ((client != Self && waiting >= Options.MaximumQuestionsPerClient) || (!isUnderWay && _exchanges.Count >= Options.MaximumQuestions))
        {
            Refused++;
            done(DnsAnswer.Failure);
            return;
        }

        _waiting[client] = waiting + 1;
        if (isUnderWay)
        {
            exchange!.Waiters.Add((client, done));
            return;
        }

        Asked++;
        exchange = new(this, key, _servers);
        exchange.Waiters.Add((client, done));
        _exchanges.Add(key, exchange);
        exchange.Next();
    }

    /// <inheritdoc/>
    public long Tick(long now)
    {
        long next = IHostTimer.Never;
        foreach (DnsExchange exchange in _exchanges.Values)
        {
            if (exchange.Deadline <= now)
            {
                _due.Add(exchange);
            }
            else
            {
                next = Math.Min(next, exchange.Deadline);
            }
        }

        foreach (DnsExchange exchange in _due)
        {
            exchange.Next();
            next = Math.Min(next, exchange.Deadline);
        }

        _due.Clear();
        return next;
    }

    internal void Complete(DnsExchange exchange, DnsAnswer answer)
    {
        _exchanges.Remove(exchange.Key);
        if (exchange.Servers == _servers)
        {
            _cache.Add(exchange.Key, answer, Ip.Now);
        }

        Failures += answer == DnsAnswer.Failure ? 1 : 0;
        foreach ((int client, Action<DnsAnswer> done) in exchange.Waiters)
        {
            if (--_waiting[client] == 0)
            {
                _waiting.Remove(client);
            }

            done(answer);
        }
    }
}
